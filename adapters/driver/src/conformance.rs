//! What every log store must pass: run [`run`] from its tests.
