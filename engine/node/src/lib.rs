//! An embeddable, strongly consistent key-value engine on Raft, and the binary of the same name.
