//! What a crawl keeps, in memory.

use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Mutex;
use tm_collect::crawl::{Batch, Memory, MemoryError, Stored};
use tm_model::PostRecord;

/// Keeps everything in memory; fails after a number of commits to play a kill.
#[derive(Default)]
pub struct Kept {
    pub posts: Mutex<BTreeMap<String, PostRecord>>,
    pub marks: Mutex<BTreeMap<String, String>>,
    pub left: Mutex<Option<usize>>,
}

#[async_trait]
impl Memory for Kept {
    async fn mark(&self, key: &str) -> Result<Option<String>, MemoryError> {
        Ok(self.marks.lock().unwrap().get(key).cloned())
    }
    async fn marks(&self, prefix: &str) -> Result<Vec<(String, String)>, MemoryError> {
        let marks = self.marks.lock().unwrap();
        Ok(marks.iter().filter(|(k, _)| k.starts_with(prefix)).map(|(k, v)| (k.clone(), v.clone())).collect())
    }
    async fn sum(&self, prefix: &str) -> Result<(u64, u64), MemoryError> {
        let marks = self.marks(prefix).await?;
        Ok((marks.len() as u64, marks.iter().filter_map(|m| m.1.parse::<u64>().ok()).sum()))
    }
    async fn commit(&self, batch: Batch) -> Result<Stored, MemoryError> {
        if let Some(left) = self.left.lock().unwrap().as_mut() {
            *left = left.checked_sub(1).ok_or_else(|| MemoryError("killed".into()))?;
        }
        let mut done = Stored::default();
        let mut posts = self.posts.lock().unwrap();
        for p in batch.posts {
            match posts.insert(p.id.clone().unwrap(), p.clone()) {
                None => done.new += 1,
                Some(before) if before.text == p.text => done.known += 1,
                Some(_) => done.changed += 1,
            }
        }
        let mut marks = self.marks.lock().unwrap();
        for (k, v) in batch.marks {
            if v.is_empty() {
                marks.remove(&k);
            } else {
                marks.insert(k, v);
            }
        }
        Ok(done)
    }
}
