//! Commands and answers as bytes. Numbers are LEB128, so that small ones are short; lists and byte
//! strings have their length before them. Reading is total: any bytes give a value or an error, and
//! what is read takes no more memory than a small multiple of the bytes.

mod command;
mod response;

use bytes::{Buf, Bytes};

pub(crate) use self::{
    command::{decode, encode},
    response::{get_response, put_response},
};
use crate::RequestError;

/// What reading yields.
pub(crate) type Read<T> = Result<T, RequestError>;

/// Writes into a buffer.
pub(crate) struct Writer<'a>(pub(crate) &'a mut Vec<u8>);

impl Writer<'_> {
    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.byte(u8::from(flag));
    }

    pub(crate) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn list<T>(&mut self, list: &[T], mut put: impl FnMut(&mut Self, &T)) {
        self.number(list.len() as u64);
        list.iter().for_each(|item| put(self, item));
    }
}

/// Reads from bytes, which what it gives out shares.
pub(crate) struct Reader(pub(crate) Bytes);

impl Reader {
    pub(crate) fn byte(&mut self) -> Read<u8> {
        let byte = self.0.first().copied().ok_or(RequestError::Malformed)?;
        self.0.advance(1);
        Ok(byte)
    }

    pub(crate) fn flag(&mut self) -> Read<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(RequestError::Malformed),
        }
    }

    pub(crate) fn number(&mut self) -> Read<u64> {
        let mut number = 0_u64;
        for place in 0..10 {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let shift = place * 7;
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                // One number has one form: else equal commands could have unequal bytes.
                let is_shortest = place == 0 || bits > 0;
                return if is_shortest { Ok(number) } else { Err(RequestError::Malformed) };
            }
        }
        Err(RequestError::Malformed)
    }

    pub(crate) fn bytes(&mut self) -> Read<Bytes> {
        let len = self.number()?;
        if len > self.0.len() as u64 {
            return Err(RequestError::Malformed);
        }
        Ok(self.0.split_to(len as usize))
    }

    /// A list, each item of which takes a byte at least.
    pub(crate) fn list<T>(&mut self, mut get: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let count = self.number()?;
        if count > self.0.len() as u64 {
            return Err(RequestError::Malformed);
        }
        (0..count).map(|_| get(self)).collect()
    }

    /// Nothing may be left.
    pub(crate) fn end<T>(self, value: T) -> Read<T> {
        if self.0.is_empty() { Ok(value) } else { Err(RequestError::Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_form_and_no_more_than_64_bits() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            Writer(&mut out).number(number);
            let mut reader = Reader(out.into());
            assert_eq!(reader.number(), Ok(number));
            assert_eq!(reader.end(()), Ok(()));
        }
        let too_long = [
            &[0x80, 0][..],
            &[0xff; 10],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
            &[0x80],
            &[],
        ];
        for bytes in too_long {
            let read = Reader(Bytes::copy_from_slice(bytes)).number();
            assert_eq!(read, Err(RequestError::Malformed), "{bytes:?}");
        }
    }
}
