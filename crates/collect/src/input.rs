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
    total: Option<Arc<AtomicU64>>,
}

impl Meter {
    pub(crate) fn new(total: Option<u64>) -> Meter {
        Meter { read: Arc::default(), total: total.map(|total| Arc::new(AtomicU64::new(total))) }
    }
    /// Says that more will be read than was known before: members of archives that are read twice.
    pub(crate) fn expect(&self, more: u64) {
        if let Some(total) = &self.total {
            total.fetch_add(more, Ordering::Relaxed);
        }
    }
    /// Bytes read so far, before unpacking. SQL dumps are read twice, and both readings count.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
    /// Forgets what was read since `read` said so much: it will be read once more.
    pub(crate) fn rewind(&self, read: u64) {
        self.read.store(read, Ordering::Relaxed);
    }
    /// Bytes that will have been read in the end, as far as that is known.
    pub fn total(&self) -> Option<u64> {
        self.total.as_ref().map(|total| total.load(Ordering::Relaxed))
    }
}

/// Counts what is read of a file as it lies on disk.
pub(crate) struct Counted<R> {
    inner: R,
    meter: Meter,
}

impl<R: Read> Counted<R> {
    pub(crate) fn new(inner: R, meter: &Meter) -> Counted<R> {
        Counted { inner, meter: meter.clone() }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.meter.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// Ends a stream that unpacks to far more than text can: a decompression bomb.
struct Bounded<R> {
    inner: R,
    unpacked: u64,
    /// What was read of the packed bytes.
    packed: Meter,
}

/// Text packs to a tenth, logs to a hundredth of their size; what grows further behind the first bytes is a trap.
const MOST_GROWTH: u64 = 1000;
const FREE_GROWTH: u64 = 256 * 1024 * 1024;

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.unpacked += n as u64;
        grows_too_far(self.unpacked, self.packed.read())?;
        Ok(n)
    }
}

/// An error for what has unpacked to far more than text can.
pub(crate) fn grows_too_far(unpacked: u64, packed: u64) -> io::Result<()> {
    if unpacked > FREE_GROWTH && unpacked / MOST_GROWTH > packed {
        let reason = format!("it unpacks to more than {MOST_GROWTH} times its size, as no text does");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    Ok(())
}

/// Opens an unpacked input from its beginning, as often as it is asked.
pub(crate) type Reopen = Arc<dyn Fn(&Meter) -> Result<ByteStream, CollectError> + Send + Sync>;

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

/// Memory that unpacking may take: xz asks for what its file claims, up to 4 GiB.
pub(crate) const XZ_MEMORY: u64 = 160 * 1024 * 1024;
/// Largest window of Zstandard, as a power of two: 128 MiB.
pub(crate) const ZSTD_WINDOW: u32 = 27;

/// The unpacked bytes of `reader`, which stands at its beginning; a byte order mark is passed over. Compression is told
/// by the first bytes, never by the name.
pub(crate) fn unpack(
    name: &str,
    reader: impl Read + Send + 'static,
    meter: &Meter,
) -> Result<ByteStream, CollectError> {
    unpack_counted(name, Counted::new(reader, meter))
}

/// As [`unpack`], of a reader that counts by itself, or not at all.
pub(crate) fn unpack_counted(
    name: &str,
    reader: impl Read + Send + 'static,
) -> Result<ByteStream, CollectError> {
    let packed = Meter::new(None);
    let mut counted = Counted::new(reader, &packed);
    let mut magic = Vec::with_capacity(8);
    // A pipe may hand over single bytes, so the magic is collected before anything is decided.
    let head = (&mut counted).take(6).read_to_end(&mut magic);
    head.map_err(|source| CollectError::Read { path: name.to_owned(), row: 0, source })?;
    let refused = |kind| Err(CollectError::Packed { path: name.to_owned(), kind });
    let whole = BufReader::with_capacity(128 * 1024, io::Cursor::new(magic.clone()).chain(counted));
    let failed = |source| CollectError::Read { path: name.to_owned(), row: 0, source };
    let source: Box<dyn Read + Send> = match magic.as_slice() {
        [0x1f, 0x8b, ..] => bounded(flate2::bufread::MultiGzDecoder::new(whole), &packed),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(whole).map_err(failed)?;
            decoder.window_log_max(ZSTD_WINDOW).map_err(failed)?;
            bounded(decoder, &packed)
        }
        [0xfd, b'7', b'z', b'X', b'Z', ..] => {
            let stream =
                liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)
                    .map_err(|e| failed(e.into()))?;
            bounded(liblzma::bufread::XzDecoder::new_stream(whole, stream), &packed)
        }
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', ..] => {
            bounded(bzip2::bufread::MultiBzDecoder::new(whole), &packed)
        }
        [b'7', b'z', 0xbc, 0xaf, ..] => return refused("7z"),
        [b'R', b'a', b'r', b'!', 0x1a, ..] => return refused("rar"),
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

fn bounded(inner: impl Read + Send + 'static, packed: &Meter) -> Box<dyn Read + Send> {
    Box::new(Bounded { inner, unpacked: 0, packed: packed.clone() })
}

/// The error that a read error at `row` amounts to.
pub(crate) fn read_error(name: &str, row: u64, source: io::Error) -> CollectError {
    let path = name.to_owned();
    match source.kind() {
        io::ErrorKind::UnexpectedEof => CollectError::Truncated { path, row },
        _ => CollectError::Read { path, row, source },
    }
}
