//! Zip archives: the directory at the end is read with the zip crate, members where they lie.

use super::{Broken, Member, Members};
use crate::input::{Counted, XZ_MEMORY, ZSTD_WINDOW, grows_too_far};
use flate2::Crc;
use std::{
    io::{self, BufReader, Read, Seek, SeekFrom},
    sync::Arc,
};
use tm_model::Timestamp;
use zip::{CompressionMethod, ZipArchive};

pub(crate) fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

/// A file, or bytes in memory.
pub(crate) trait Place: Read + Seek + Send {}

impl<T: Read + Seek + Send> Place for T {}

/// Opens the archive from its beginning.
pub(crate) type OpenPlace = Arc<dyn Fn() -> io::Result<Box<dyn Place>> + Send + Sync>;

pub(crate) struct Zip {
    open: OpenPlace,
    archive: ZipArchive<BufReader<Box<dyn Place>>>,
    next: usize,
}

/// More members than this only cost memory.
const MOST_MEMBERS: usize = 5_000_000;

impl Zip {
    pub(crate) fn new(open: OpenPlace) -> io::Result<Zip> {
        let archive = ZipArchive::new(BufReader::new(open()?)).map_err(io::Error::other)?;
        if archive.len() > MOST_MEMBERS {
            return Err(io::Error::other(format!("it has more than {MOST_MEMBERS} members")));
        }
        Ok(Zip { open, archive, next: 0 })
    }

    fn member(&mut self, place: usize) -> Result<Option<Member>, Broken> {
        let broken = |name: String, reason: String| Broken { name, reason };
        let name = match self.archive.name_for_index(place) {
            Some(Ok(name)) => name.into_owned(),
            _ => format!("member {}", place + 1),
        };
        let file = self.archive.by_index_raw(place).map_err(|e| broken(name.clone(), e.to_string()))?;
        if file.is_dir() || file.unix_mode().is_some_and(|mode| mode & 0o170_000 == 0o120_000) {
            return Ok(None);
        }
        if file.encrypted() {
            return Err(broken(name, "it is encrypted; unpack it with its password first".to_owned()));
        }
        let Some(start) = file.data_start() else {
            return Err(broken(name, "its place in the archive is unknown".to_owned()));
        };
        let (size, crc, method) = (file.compressed_size(), file.crc32(), file.compression());
        // The zip crate is built with deflate alone; the others are unpacked by what reads files so packed.
        use CompressionMethod as Method;
        if ![Method::STORE, Method::DEFLATE, Method::BZIP2, Method::XZ, Method::ZSTD].contains(&method) {
            return Err(broken(
                name,
                format!("its compression ({method}) is not read; pack it with deflate"),
            ));
        }
        let modified = file.last_modified().and_then(|t| {
            let at = jiff::civil::DateTime::new(
                i16::try_from(t.year()).ok()?,
                i8::try_from(t.month()).ok()?,
                i8::try_from(t.day()).ok()?,
                i8::try_from(t.hour()).ok()?,
                i8::try_from(t.minute()).ok()?,
                i8::try_from(t.second()).ok()?,
                0,
            );
            Some(Timestamp(at.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second()))
        });
        drop(file);
        let place = Arc::clone(&self.open);
        let open = move |meter: &crate::Meter| -> io::Result<Box<dyn Read + Send>> {
            let mut file = place()?;
            file.seek(SeekFrom::Start(start))?;
            let packed = BufReader::with_capacity(64 * 1024, Counted::new(file, meter).take(size));
            let inner: Box<dyn Read + Send> = match method {
                Method::STORE => Box::new(packed),
                Method::DEFLATE => Box::new(flate2::bufread::DeflateDecoder::new(packed)),
                Method::BZIP2 => Box::new(bzip2::bufread::BzDecoder::new(packed)),
                Method::XZ => {
                    let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, 0)?;
                    Box::new(liblzma::bufread::XzDecoder::new_stream(packed, stream))
                }
                _ => {
                    let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
                    decoder.window_log_max(ZSTD_WINDOW)?;
                    Box::new(decoder)
                }
            };
            Ok(Box::new(Checked { inner, crc: Crc::new(), expect: crc, size, unpacked: 0 }))
        };
        Ok(Some(Member { name, modified, size, open: Arc::new(open) }))
    }
}

/// Compares what a member unpacks to with its checksum, and ends what grows beyond any text.
struct Checked {
    inner: Box<dyn Read + Send>,
    crc: Crc,
    expect: u32,
    size: u64,
    unpacked: u64,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.crc.update(&buffer[..n]);
        self.unpacked += n as u64;
        grows_too_far(self.unpacked, self.size)?;
        if n == 0 && !buffer.is_empty() && self.crc.sum() != self.expect {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum is wrong"));
        }
        Ok(n)
    }
}

impl Members for Zip {
    fn next(&mut self) -> Option<Result<Member, Broken>> {
        while self.next < self.archive.len() {
            self.next += 1;
            if let Some(member) = self.member(self.next - 1).transpose() {
                return Some(member);
            }
        }
        None
    }
}
