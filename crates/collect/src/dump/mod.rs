//! Posts of an SQL dump: which engine wrote the tables, and what a post is made of.
//!
//! Dumps are sorted by table name, so posts come before the threads and users that they belong to. The dump is read
//! twice: first boards, threads, users and settings are learnt, then the posts stream by. Memory grows with threads and
//! users, not with posts.

mod discuz;
mod fluxbb;
mod invision;
mod known;
mod mybb;
mod nodebb;
mod personal;
mod phpbb;
mod smf;
mod vbulletin;
mod vbulletin5;
mod xenforo;

use crate::{
    CollectError, Item, Meter, Options, Posts,
    field::reject,
    input::{Reopen, read_error},
    sql::{Charset, Row, Sampler, SqlReader, Step, Table},
};
pub use personal::Personal;

use known::{Known, State};
use personal::Register;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use tm_model::PostRecord;

/// What was left out of an SQL dump because a visitor of the forum does not see it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Posts that wait for a moderator, or stand in a thread that does.
    pub unapproved: u64,
    /// Posts that were deleted softly, or stand in a thread that was.
    pub deleted: u64,
    /// Posts that were never sent off.
    pub drafts: u64,
    /// Posts in stubs that only point to where a thread was moved.
    pub moved: u64,
}

impl Hidden {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.unapproved + self.deleted + self.drafts + self.moved
    }

    /// Adds what others left out.
    pub(crate) fn add(&mut self, other: Hidden) {
        self.unapproved += other.unapproved;
        self.deleted += other.deleted;
        self.drafts += other.drafts;
        self.moved += other.moved;
    }

    fn count(&mut self, state: State) {
        match state {
            State::Visible => {}
            State::Unapproved => self.unapproved += 1,
            State::Deleted => self.deleted += 1,
            State::Draft => self.drafts += 1,
            State::Moved => self.moved += 1,
        }
    }
}

/// What a table is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Settings,
    Boards,
    /// Names of boards, where an engine keeps them among the words of its languages.
    BoardNames,
    Threads,
    Users,
    /// When posts were edited.
    Edits,
    /// Names of the kinds of nodes (vBulletin 5).
    Kinds,
    /// What stands beside the texts of posts (vBulletin 5).
    Nodes,
    Posts,
}

/// A table of an engine: its names without the prefix, and columns that only this table has together.
struct TableRule {
    role: Role,
    names: &'static [&'static str],
    columns: &'static [&'static str],
}

/// What a row of the posts' table came to.
enum Outcome {
    Post(Box<PostRecord>),
    Hidden(State),
    /// A row that is no post.
    Skip,
    Bad(String),
}

/// A forum engine: which tables it writes and how their rows are read.
trait Engine: Sync {
    fn name(&self) -> &'static str;
    fn tables(&self) -> &'static [TableRule];
    /// Takes in a row of the first reading.
    fn learn(&self, role: Role, row: &Row, known: &mut Known);
    /// True when the first reading needs the posts as well.
    fn learns_from_posts(&self) -> bool {
        false
    }
    /// True when large forums spread a table over `name_1`, `name_2` and so on. With other engines such tables are
    /// somebody's backup.
    fn splits_tables(&self) -> bool {
        false
    }
    /// Makes a post of a row of the second reading.
    fn post(&self, row: &Row, known: &Known, options: &Options) -> Outcome;
}

static ENGINES: [&dyn Engine; 10] = [
    &mybb::Mybb,
    &phpbb::Phpbb,
    &smf::Smf,
    &fluxbb::Fluxbb,
    &discuz::Discuz,
    &nodebb::Nodebb,
    &xenforo::Xenforo,
    &vbulletin::Vbulletin,
    &vbulletin5::Vbulletin5,
    &invision::Invision,
];

/// A forum in a dump: an engine and the prefix of its tables.
type Key = (usize, String);

/// Forums that a table may belong to, and as what.
fn classify(table: &Table) -> Vec<(Key, Role)> {
    let mut found = Vec::new();
    for (number, engine) in ENGINES.iter().enumerate() {
        for rule in engine.tables() {
            let has_all = rule.columns.iter().all(|column| table.columns.iter().any(|name| name == column));
            if !has_all {
                continue;
            }
            if let Some(prefix) =
                rule.names.iter().find_map(|name| prefix(&table.name, name, engine.splits_tables()))
            {
                found.push(((number, prefix.to_owned()), rule.role));
            }
        }
    }
    found
}

/// What stands before `name` in a table's name. Split tables carry a number behind it: `forum_post_1`.
fn prefix<'t>(table: &'t str, name: &str, split: bool) -> Option<&'t str> {
    let number = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    table.strip_suffix(name).or_else(|| {
        let (head, _) = table.rsplit_once('_').filter(|(_, n)| split && number(n))?;
        head.strip_suffix(name)
    })
}

/// What the last table is, so that dumps with a statement a row do not ask again for each.
#[derive(Default)]
struct Classified {
    table: Option<Arc<Table>>,
    roles: Vec<(Key, Role)>,
}

impl Classified {
    fn of(&mut self, table: &Arc<Table>) -> &[(Key, Role)] {
        if !self.table.as_ref().is_some_and(|last| Arc::ptr_eq(last, table)) {
            self.roles = classify(table);
            self.table = Some(Arc::clone(table));
        }
        &self.roles
    }
}

struct Forum {
    key: Key,
    known: Known,
    personal: Register,
}

pub(crate) struct SqlPosts {
    name: String,
    /// Opens the dump from its beginning.
    reopen: Reopen,
    meter: Meter,
    options: Options,
    forum: Option<Forum>,
    reader: Option<SqlReader>,
    classified: Classified,
    row: u64,
    hidden: Hidden,
    /// Personal data of posts, where it is kept.
    posters: Register,
}

impl SqlPosts {
    pub(crate) fn new(name: String, reopen: Reopen, meter: Meter, options: Options) -> SqlPosts {
        SqlPosts {
            name,
            reopen,
            meter,
            options,
            forum: None,
            reader: None,
            row: 0,
            classified: Classified::default(),
            hidden: Hidden::default(),
            posters: Register::default(),
        }
    }

    fn open(&self) -> Result<SqlReader, CollectError> {
        Ok(SqlReader::new((self.reopen)(&self.meter)?, self.options.max_value))
    }

    /// The first reading: finds the forum and learns all but its posts. Some posts are looked at for the charset.
    fn learn(&self) -> Result<(Option<Forum>, Arc<Charset>), CollectError> {
        let mut charset: Arc<Charset> = Arc::default();
        let mut again = false;
        loop {
            let before = self.meter.read();
            let mut reader = self.open()?;
            reader.set_charset(Arc::clone(&charset));
            let survey = self.survey(&mut reader);
            // Names were read before it was known how: the dump is read once more.
            if survey.sampler.has_legacy() && !again {
                charset = survey.sampler.charset(reader.declared());
                again = true;
                self.meter.rewind(before);
                continue;
            }
            // A damaged file is read as far as it goes; the second reading reports the damage.
            let broken = reader.take_error().is_some() || (reader.cut() && !survey.tables.is_empty());
            return Ok((survey.choose(&self.name, broken)?, charset));
        }
    }

    fn survey(&self, reader: &mut SqlReader) -> Survey {
        let mut survey = Survey { keep_personal: self.options.keep_personal, ..Survey::default() };
        loop {
            match reader.next(&mut |table| survey.wants(table)) {
                Step::Row => {
                    survey.learn(reader.row());
                    if survey.current.is_empty() && survey.sampler.is_sated() {
                        reader.skip_rows();
                    }
                }
                Step::Refused(reason) => {
                    tracing::debug!(table = reader.row().table().name, reason, "row passed over")
                }
                Step::End => break,
            }
        }
        for table in reader.tables() {
            survey.declare(table);
        }
        survey
    }
}

impl Posts for SqlPosts {
    fn next(&mut self) -> Option<Result<Item, CollectError>> {
        if self.reader.is_none() {
            match self.learn().and_then(|learnt| Ok((learnt, self.open()?))) {
                Ok(((forum, charset), mut reader)) => {
                    reader.set_charset(charset);
                    (self.forum, self.reader) = (forum, Some(reader));
                }
                Err(error) => return Some(Err(error)),
            }
        }
        let reader = self.reader.as_mut()?;
        let forum = self.forum.as_ref();
        let classified = &mut self.classified;
        let mut wants = |table: &Arc<Table>| {
            let is_posts =
                |(key, role): &(Key, Role)| *role == Role::Posts && forum.is_some_and(|f| f.key == *key);
            classified.of(table).iter().any(is_posts)
        };
        loop {
            let outcome = match reader.next(&mut wants) {
                Step::End => break,
                Step::Refused(reason) => Outcome::Bad(reason),
                Step::Row => match forum {
                    Some(forum) => ENGINES[forum.key.0].post(reader.row(), &forum.known, &self.options),
                    None => Outcome::Skip,
                },
            };
            self.row += 1;
            match outcome {
                Outcome::Post(post) => {
                    if self.options.keep_personal
                        && let Some(author) = &post.author
                    {
                        self.posters.note(author, reader.row());
                    }
                    return Some(Ok(Item::Post(post)));
                }
                Outcome::Hidden(state) => self.hidden.count(state),
                Outcome::Skip => {}
                Outcome::Bad(reason) => {
                    let keep = self.options.keep_personal;
                    let reject = reject(&self.name, self.row, reason, &reader.row().head(keep), keep);
                    return Some(Ok(Item::Reject(reject)));
                }
            }
        }
        if let Some(source) = reader.take_error() {
            return Some(Err(read_error(&self.name, self.row, source)));
        }
        reader.cut().then(|| Err(CollectError::Truncated { path: self.name.clone(), row: self.row }))
    }

    fn row(&self) -> u64 {
        self.row
    }
    fn hidden(&self) -> Hidden {
        self.hidden
    }
    fn engine(&self) -> Option<&'static str> {
        self.forum.as_ref().map(|forum| ENGINES[forum.key.0].name())
    }
    fn take_personal(&mut self) -> Vec<(String, Personal)> {
        let mut all = std::mem::take(&mut self.posters);
        if let Some(forum) = &mut self.forum {
            all.adopt(std::mem::take(&mut forum.personal));
        }
        all.take()
    }
    fn forum(&self) -> Option<&str> {
        self.forum.as_ref()?.known.forum.as_deref()
    }
}

/// What the first reading finds: every forum that some table may belong to.
#[derive(Default)]
struct Survey {
    forums: HashMap<Key, Candidate>,
    classified: Classified,
    current: Vec<(Key, Role)>,
    tables: BTreeSet<String>,
    nameless: Option<String>,
    sampler: Sampler,
    keep_personal: bool,
}

#[derive(Default)]
struct Candidate {
    known: Known,
    personal: Register,
    posts: Option<u64>,
}

/// Tables that an error names.
const MAX_LISTED: usize = 60;
/// More forums than this in a dump would only cost memory.
const MAX_FORUMS: usize = 1000;

impl Survey {
    fn note(&mut self, table: &Table) {
        if self.tables.len() < 10 * MAX_LISTED && !self.tables.contains(&table.name) {
            self.tables.insert(table.name.clone());
        }
    }

    /// Takes in a table that was declared, whether or not rows followed.
    fn declare(&mut self, table: &Table) {
        self.note(table);
        for (key, role) in classify(table) {
            if role == Role::Posts {
                self.forums.entry(key).or_default().posts.get_or_insert(0);
            }
        }
    }

    fn wants(&mut self, table: &Arc<Table>) -> bool {
        self.note(table);
        if table.columns.is_empty() {
            let posts =
                ENGINES.iter().flat_map(|engine| engine.tables()).filter(|rule| rule.role == Role::Posts);
            if posts.flat_map(|rule| rule.names).any(|name| prefix(&table.name, name, true).is_some()) {
                self.nameless.get_or_insert_with(|| table.name.clone());
            }
            return false;
        }
        self.current.clear();
        let mut sample = false;
        for (key, role) in self.classified.of(table) {
            if self.forums.len() >= MAX_FORUMS && !self.forums.contains_key(key) {
                continue;
            }
            if *role == Role::Posts {
                *self.forums.entry(key.clone()).or_default().posts.get_or_insert(0) += 1;
                if !ENGINES[key.0].learns_from_posts() {
                    sample |= !self.sampler.is_sated();
                    continue;
                }
            }
            self.current.push((key.clone(), *role));
        }
        sample || !self.current.is_empty()
    }

    fn learn(&mut self, row: &Row) {
        if !self.sampler.is_sated() {
            self.sampler.feed(row, self.current.is_empty());
        }
        for (key, role) in &self.current {
            if !self.forums.contains_key(key) {
                self.forums.insert(key.clone(), Candidate::default());
            }
            if let Some(candidate) = self.forums.get_mut(key) {
                ENGINES[key.0].learn(*role, row, &mut candidate.known);
                if self.keep_personal && *role == Role::Users {
                    const IDS: [&str; 6] = ["uid", "userid", "user_id", "member_id", "id_member", "id"];
                    let id = IDS.iter().find_map(|column| row.id(column));
                    if let Some(handle) = candidate.known.handle(id) {
                        candidate.personal.note(&handle, row);
                    }
                }
            }
        }
    }

    /// The forum with the most posts. A broken dump may end before its posts: that it is broken is then the error.
    fn choose(self, path: &str, broken: bool) -> Result<Option<Forum>, CollectError> {
        let mut found: Vec<(Key, Candidate)> =
            self.forums.into_iter().filter(|(_, candidate)| candidate.posts.is_some()).collect();
        found.sort_by(|a, b| b.1.posts.cmp(&a.1.posts).then_with(|| a.0.cmp(&b.0)));
        for (key, _) in found.iter().skip(1) {
            tracing::warn!(
                engine = ENGINES[key.0].name(),
                prefix = key.1,
                "another forum in the dump is left out"
            );
        }
        match found.into_iter().next() {
            Some((key, candidate)) => {
                Ok(Some(Forum { key, known: candidate.known, personal: candidate.personal }))
            }
            None => match self.nameless {
                Some(table) => Err(CollectError::MissingColumns { path: path.to_owned(), table }),
                None if broken => Ok(None),
                None => Err(CollectError::UnknownSchema {
                    path: path.to_owned(),
                    engines: ENGINES.map(Engine::name).join(", "),
                    tables: self.tables.into_iter().take(MAX_LISTED).collect(),
                }),
            },
        }
    }
}
