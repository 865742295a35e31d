//! Folders and archives as a sequence of members. Nothing is ever unpacked to disk: a member is read where it lies, so a
//! name with `..` in it leads nowhere.

mod folder;
mod tar;
mod zip;

pub(crate) use folder::Folder;
pub(crate) use tar::{Tar, is_tar};
pub(crate) use zip::{OpenPlace, Zip, is_zip};

use crate::{CollectError, Meter};
use std::{
    io::{self, Read},
    sync::Arc,
};
use tm_model::Timestamp;

/// What a member is read with; it can be asked again and again.
pub(crate) type Opener = Arc<dyn Fn(&Meter) -> io::Result<Box<dyn Read + Send>> + Send + Sync>;

/// A file in a folder or archive.
#[derive(Clone)]
pub(crate) struct Member {
    /// Its path inside, with slashes.
    pub name: String,
    /// When it was last changed, as the folder or archive says.
    pub modified: Option<Timestamp>,
    /// Bytes that reading it takes from the disk, for the meter.
    pub size: u64,
    pub open: Opener,
}

/// A folder or archive, member by member.
pub(crate) trait Members: Send {
    /// The next file; a member that cannot be read is an error with its name, and reading goes on behind it.
    fn next(&mut self) -> Option<Result<Member, Broken>>;
    /// The content of the member that [`next`](Self::next) gave last, read from `meter`'s point of view once; `None` when
    /// it is larger than `most` bytes.
    fn content(&mut self, member: &Member, meter: &Meter, most: usize) -> io::Result<Option<Vec<u8>>> {
        if member.size > most as u64 {
            return Ok(None);
        }
        let mut content = Vec::new();
        (member.open)(meter)?.take(most as u64 + 1).read_to_end(&mut content)?;
        Ok(Some(content).filter(|content| content.len() <= most))
    }
    /// The error that ended the archive early.
    fn failure(&mut self) -> Option<CollectError> {
        None
    }
}

/// A member that cannot be read.
#[derive(Debug)]
pub(crate) struct Broken {
    pub name: String,
    pub reason: String,
}
