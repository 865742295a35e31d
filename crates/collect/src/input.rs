//! Opening: files and streams, unpacked on the way, with a meter of how far reading got.

use crate::{CollectError, bytes::ByteStream};
use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Tells from any thread how many bytes of the input, as it lies on disk, were read so far.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    read: Arc<AtomicU64>,
    total: Option<u64>,
}

impl Meter {
    pub(crate) fn new(total: Option<u64>) -> Meter {
        Meter { read: Arc::default(), total }
    }
    /// Bytes read so far, before unpacking. SQL dumps are read twice, and both readings count.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
    /// Bytes that will have been read in the end, where that is known.
    pub fn total(&self) -> Option<u64> {
        self.total
    }
}

struct Counted<R> {
    inner: R,
    meter: Meter,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.meter.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// Opens a file; returns its size as well, where it is no pipe or device.
pub(crate) fn open_file(path: &Path) -> Result<(File, Option<u64>), CollectError> {
    let failed = |source| CollectError::Open { path: path.display().to_string(), source };
    let file = File::open(path).map_err(failed)?;
    let data = file.metadata().map_err(failed)?;
    if data.is_dir() {
        return Err(failed(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory, name a file")));
    }
    Ok((file, data.is_file().then_some(data.len())))
}

/// The unpacked bytes of `reader`, which stands at its beginning; a byte order mark is passed over.
pub(crate) fn unpack(
    name: &str,
    reader: impl Read + Send + 'static,
    meter: &Meter,
) -> Result<ByteStream, CollectError> {
    let mut counted = Counted { inner: reader, meter: meter.clone() };
    let mut magic = Vec::with_capacity(8);
    // A pipe may hand over single bytes, so the magic is collected before anything is decided.
    let head = (&mut counted).take(6).read_to_end(&mut magic);
    head.map_err(|source| CollectError::Read { path: name.to_owned(), row: 0, source })?;
    let packed = |kind| Err(CollectError::Packed { path: name.to_owned(), kind });
    let whole = BufReader::with_capacity(128 * 1024, io::Cursor::new(magic.clone()).chain(counted));
    let failed = |source| CollectError::Read { path: name.to_owned(), row: 0, source };
    let source: Box<dyn Read + Send> = match magic.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(whole)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            Box::new(zstd::stream::read::Decoder::with_buffer(whole).map_err(failed)?)
        }
        [0xfd, b'7', b'z', b'X', b'Z', ..] => return packed("xz"),
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', ..] => return packed("bzip2"),
        [b'P', b'K', 3, 4, ..] => return packed("zip"),
        [b'7', b'z', 0xbc, 0xaf, ..] => return packed("7z"),
        [b'R', b'a', b'r', b'!', 0x1a, ..] => return packed("rar"),
        _ => Box::new(whole),
    };
    let mut bytes = ByteStream::new(source);
    let encoding = match bytes.look(3) {
        [0xef, 0xbb, 0xbf, ..] => {
            bytes.advance(3);
            return Ok(bytes);
        }
        [0xff, 0xfe, ..] => "UTF-16LE",
        [0xfe, 0xff, ..] => "UTF-16BE",
        _ => return Ok(bytes),
    };
    Err(CollectError::Encoding { path: name.to_owned(), encoding })
}

/// The error that a read error at `row` amounts to.
pub(crate) fn read_error(name: &str, row: u64, source: io::Error) -> CollectError {
    let path = name.to_owned();
    match source.kind() {
        io::ErrorKind::UnexpectedEof => CollectError::Truncated { path, row },
        _ => CollectError::Read { path, row, source },
    }
}
