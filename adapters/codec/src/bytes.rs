//! Reading and writing the primitive parts: little-endian, of fixed width, so that every value has
//! one form.

use bytes::{Buf, Bytes};
use quorate_core::{LogId, NodeId, Token};

use crate::DecodeError;

/// Bytes yet to be read. Parts that are kept share the buffer.
pub(crate) struct Reader {
    left: Bytes,
}

impl Reader {
    pub(crate) fn new(bytes: Bytes) -> Reader {
        Reader { left: bytes }
    }

    pub(crate) fn left(&self) -> u64 {
        self.left.len() as u64
    }

    fn need(&self, needed: usize, what: &'static str) -> Result<(), DecodeError> {
        let left = self.left.len();
        if left >= needed {
            return Ok(());
        }
        Err(DecodeError::Short { what, needed: needed as u64, left: left as u64 })
    }

    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        self.need(1, what)?;
        Ok(self.left.get_u8())
    }

    pub(crate) fn u16(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        self.need(2, what)?;
        Ok(self.left.get_u16_le())
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        self.need(4, what)?;
        Ok(self.left.get_u32_le())
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        self.need(8, what)?;
        Ok(self.left.get_u64_le())
    }

    pub(crate) fn flag(&mut self, what: &'static str) -> Result<bool, DecodeError> {
        match self.u8(what)? {
            0 => Ok(false),
            1 => Ok(true),
            tag => Err(DecodeError::Tag { what, tag }),
        }
    }

    pub(crate) fn slice(&mut self, len: u32, what: &'static str) -> Result<Bytes, DecodeError> {
        self.need(len as usize, what)?;
        Ok(self.left.split_to(len as usize))
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.left)
    }

    pub(crate) fn log_id(&mut self, what: &'static str) -> Result<LogId, DecodeError> {
        Ok(LogId::new(self.u64(what)?, self.u64(what)?))
    }

    pub(crate) fn token(&mut self, what: &'static str) -> Result<Token, DecodeError> {
        Ok(Token { incarnation: self.u64(what)?, number: self.u64(what)? })
    }

    /// 0 stands for none.
    pub(crate) fn node(&mut self, what: &'static str) -> Result<Option<NodeId>, DecodeError> {
        Ok(NodeId::new(self.u64(what)?))
    }

    /// A count of things that take at least `least` bytes each: one that the bytes left cannot hold
    /// allocates nothing.
    pub(crate) fn count(&mut self, least: u64, what: &'static str) -> Result<u64, DecodeError> {
        let found = self.u64(what)?;
        let limit = self.left() / least.max(1);
        if found > limit {
            return Err(DecodeError::Range { what, found, limit });
        }
        Ok(found)
    }

    /// A node that must have a name.
    pub(crate) fn named(&mut self, what: &'static str) -> Result<NodeId, DecodeError> {
        self.node(what)?.ok_or(DecodeError::NotCanonical { what })
    }

    pub(crate) fn version(&mut self, expected: u8) -> Result<(), DecodeError> {
        let found = self.u8("version")?;
        if found == expected { Ok(()) } else { Err(DecodeError::Version { found, expected }) }
    }

    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        match self.left() {
            0 => Ok(()),
            left => Err(DecodeError::Trailing { left }),
        }
    }
}

pub(crate) fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// A tag and the numbers behind it.
pub(crate) fn put_numbers<const N: usize>(out: &mut Vec<u8>, tag: u8, numbers: [u64; N]) {
    out.push(tag);
    numbers.into_iter().for_each(|number| put_u64(out, number));
}

pub(crate) fn put_log_id(out: &mut Vec<u8>, log_id: LogId) {
    put_u64(out, log_id.term);
    put_u64(out, log_id.index);
}

pub(crate) fn put_token(out: &mut Vec<u8>, token: Token) {
    put_u64(out, token.incarnation);
    put_u64(out, token.number);
}

pub(crate) fn put_node(out: &mut Vec<u8>, node: Option<NodeId>) {
    put_u64(out, node.map_or(0, NodeId::get));
}
