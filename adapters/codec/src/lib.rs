//! Wire and disk encoding of quorate-core's types: versioned, length-capped, checksummed, total.
