//! What the first reading of a dump learns.

use super::Outcome;
use crate::{Cleaned, field::name, sql::Row, strip_controls};
use std::collections::HashMap;
use tm_model::{PostRecord, Timestamp};

/// Whether a visitor sees a post or a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    #[default]
    Visible,
    Unapproved,
    Deleted,
    Draft,
    Moved,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Thread {
    pub board: Option<u64>,
    pub title: Option<String>,
    pub state: State,
    pub sticky: bool,
}

/// What vBulletin 5 keeps of a post beside its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub kind: u32,
    pub starter: u64,
    pub parent: u64,
    pub user: u64,
    /// Place of the stored author's name in [`Known::names`].
    pub name: u32,
    pub time: i64,
    pub state: State,
}

/// Names and states by the engine's own identifiers.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub forum: Option<String>,
    pub boards: HashMap<u64, String>,
    pub threads: HashMap<u64, Thread>,
    pub users: HashMap<u64, String>,
    /// Names by the form that stands in addresses, where an engine quotes by that.
    pub slugs: HashMap<String, String>,
    /// The earliest post of each thread with its subject, where an engine keeps titles there.
    pub first: HashMap<u64, (u64, String)>,
    /// When posts were last edited, where an engine keeps that in a table of its own.
    pub edits: HashMap<u64, i64>,
    /// What stands beside the texts, where an engine splits posts over two tables.
    pub nodes: HashMap<u64, Node>,
    /// Authors' names of `nodes`, each once.
    pub names: Vec<String>,
    pub name_places: HashMap<String, u32>,
    /// Kinds of `nodes` that are posts of a forum.
    pub kinds: Vec<u32>,
}

impl Known {
    pub(super) fn board(&mut self, id: Option<u64>, title: &str) {
        if let (Some(id), Some(title)) = (id, name(title)) {
            self.boards.insert(id, title);
        }
    }
    pub(super) fn user(&mut self, id: Option<u64>, handle: &str) {
        if let (Some(id), Some(handle)) = (id, name(handle)) {
            self.users.insert(id, handle);
        }
    }
    pub(super) fn thread(
        &mut self,
        id: Option<u64>,
        board: Option<u64>,
        title: &str,
        state: State,
        sticky: bool,
    ) {
        if let Some(id) = id {
            self.threads.insert(id, Thread { board, title: name(title), state, sticky });
        }
    }
    /// The handle of an account that the dump knows.
    pub(super) fn handle(&self, user: Option<u64>) -> Option<String> {
        user.and_then(|id| self.users.get(&id).cloned())
    }
}

/// What engines store alike about a post.
pub(super) struct Draft {
    pub id: Option<u64>,
    pub thread: Option<u64>,
    /// Board that the post itself names; its thread's goes first.
    pub board: Option<u64>,
    /// Title to fall back to when the dump lost the thread.
    pub title: Option<String>,
    /// Handle that the post itself names.
    pub author: Option<String>,
    pub time: Option<i64>,
    pub state: State,
    pub reply_to: Option<u64>,
    /// When it was last edited; zero and below mean never.
    pub edited: Option<i64>,
}

impl Draft {
    /// Joins what is known of thread, board and forum to the cleaned text; `clean` only runs for visible posts.
    pub(super) fn join(self, known: &Known, clean: impl FnOnce() -> Cleaned) -> Outcome {
        let Some(id) = self.id else {
            return Outcome::Bad("the post has no identifier".to_owned());
        };
        let thread = self.thread.and_then(|id| known.threads.get(&id));
        let state = match (self.state, thread) {
            (State::Visible, Some(thread)) => thread.state,
            (state, _) => state,
        };
        if state != State::Visible {
            return Outcome::Hidden(state);
        }
        let cleaned = clean();
        let board = thread.and_then(|thread| thread.board).or(self.board);
        let text = match strip_controls(&cleaned.text) {
            std::borrow::Cow::Borrowed(text) if text.trim().len() == text.len() => None,
            text => Some(text.trim().to_owned()),
        };
        Outcome::Post(Box::new(PostRecord {
            id: Some(id.to_string()),
            forum: known.forum.clone(),
            board: board.and_then(|id| known.boards.get(&id).cloned()),
            thread: self.thread.map(|id| id.to_string()),
            title: thread.and_then(|thread| thread.title.clone()).or(self.title),
            author: self.author,
            time: self.time.and_then(Timestamp::checked),
            text: text.unwrap_or(cleaned.text),
            reply_to: self.reply_to.map(|id| id.to_string()),
            quotes: cleaned.quotes,
            mentions: cleaned.mentions,
            links: cleaned.links,
            edited: self.edited.filter(|time| *time > 0).and_then(Timestamp::checked),
            sticky: thread.is_some_and(|thread| thread.sticky),
            url: None,
        }))
    }
}

/// A subject without the `Re:` that engines put before answers.
pub(super) fn answered_title(subject: &str) -> Option<String> {
    let subject = subject.trim();
    let bare = match subject.get(..3) {
        Some(head) if head.eq_ignore_ascii_case("re:") => &subject[3..],
        _ => subject,
    };
    name(bare)
}

/// A column as a name.
pub(super) fn named(row: &Row, column: &str) -> Option<String> {
    name(&row.text(column))
}
