//! A folder and all folders in it.

use super::{Broken, Member, Members};
use crate::input::Counted;
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};
use tm_model::Timestamp;

/// Folders nested deeper are left alone.
const DEEPEST: usize = 64;

/// Files of a folder in the order of their names; links are not followed, so nothing outside of it is read.
pub(crate) struct Folder {
    root: PathBuf,
    /// For each open folder what is left of it.
    open: Vec<std::vec::IntoIter<PathBuf>>,
}

impl Folder {
    pub(crate) fn new(root: &Path) -> io::Result<Folder> {
        Ok(Folder { root: root.to_owned(), open: vec![entries(root)?.into_iter()] })
    }

    /// Bytes of all files.
    pub(crate) fn size(root: &Path) -> u64 {
        let mut size = 0;
        if let Ok(mut folder) = Folder::new(root) {
            while let Some(member) = folder.next() {
                size += member.map_or(0, |member| member.size);
            }
        }
        size
    }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

impl Members for Folder {
    fn next(&mut self) -> Option<Result<Member, Broken>> {
        loop {
            let Some(path) = self.open.last_mut()?.next() else {
                self.open.pop();
                continue;
            };
            let inside = path.strip_prefix(&self.root).unwrap_or(&path);
            let name = inside.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
            let data = match fs::symlink_metadata(&path) {
                Ok(data) => data,
                Err(e) => return Some(Err(Broken { name, reason: e.to_string() })),
            };
            if data.is_dir() {
                match entries(&path) {
                    Ok(inside) if self.open.len() < DEEPEST => self.open.push(inside.into_iter()),
                    Ok(_) => {
                        return Some(Err(Broken {
                            name,
                            reason: format!("more than {DEEPEST} folders deep"),
                        }));
                    }
                    Err(e) => return Some(Err(Broken { name, reason: e.to_string() })),
                }
            } else if data.is_file() {
                let changed = data.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
                return Some(Ok(Member {
                    name,
                    modified: changed.and_then(|t| i64::try_from(t.as_secs()).ok()).map(Timestamp),
                    size: data.len(),
                    open: Arc::new(move |meter| Ok(Box::new(Counted::new(File::open(&path)?, meter)))),
                }));
            }
        }
    }
}
