//! CSV: a header row that names the columns, then one post a row.

use crate::{
    CollectError, Item, Options, Posts,
    bytes::ByteStream,
    field::{finish, reject},
    input::read_error,
};
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use tm_model::{PostRecord, QuoteTarget, Timestamp};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Id,
    Forum,
    Board,
    Thread,
    Title,
    Author,
    Time,
    Text,
    ReplyTo,
    Quotes,
    Url,
}

/// Names that a column goes by, best first: where two columns mean the same, the better name is read.
const NAMES: [(Column, &[&str]); 11] = [
    (Column::Id, &["id", "post_id", "pid"]),
    (Column::Forum, &["forum", "forum_name", "site", "source"]),
    (Column::Board, &["board", "section", "category", "subforum", "board_name"]),
    (Column::Thread, &["thread", "thread_id", "topic_id", "tid"]),
    (Column::Title, &["title", "thread_title", "topic", "subject", "topic_title"]),
    (Column::Author, &["author", "username", "user", "author_name", "user_name", "poster"]),
    (Column::Time, &["time", "date", "timestamp", "created_at", "posted_at", "datetime", "post_date"]),
    (Column::Text, &["text", "message", "body", "content", "post", "post_text"]),
    (Column::ReplyTo, &["reply_to", "parent_id", "reply_to_id", "parent"]),
    (Column::Quotes, &["quotes", "quoted", "quote_ids"]),
    (Column::Url, &["url", "link", "permalink"]),
];

/// What each column of the header stands for.
fn columns(header: &[String]) -> Vec<Option<Column>> {
    let mut found = vec![None; header.len()];
    for (column, names) in NAMES {
        let place = names.iter().find_map(|name| {
            header.iter().position(|title| title.trim().replace([' ', '-'], "_").eq_ignore_ascii_case(name))
        });
        if let Some(place) = place {
            found[place] = Some(column);
        }
    }
    found
}

/// The delimiter that splits the header into the most known names.
fn sniff(line: &[u8]) -> u8 {
    let line = String::from_utf8_lossy(line);
    let known = |delimiter: u8| {
        let header: Vec<String> =
            line.trim_end().split(delimiter as char).map(|s| s.trim_matches('"').to_owned()).collect();
        (columns(&header).iter().flatten().count(), header.len())
    };
    let mut best = b',';
    for delimiter in [b';', b'\t', b'|'] {
        if known(delimiter) > known(best) {
            best = delimiter;
        }
    }
    best
}

/// True when a line reads as a header row with a text column and at least one other column.
pub(crate) fn has_text_column(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    let header: Vec<String> =
        text.trim_end().split(sniff(line) as char).map(|s| s.trim_matches('"').to_owned()).collect();
    let columns = columns(&header);
    columns.contains(&Some(Column::Text)) && columns.iter().flatten().count() > 1
}

enum Record {
    End,
    Whole,
    TooLarge,
}

pub(crate) struct CsvPosts {
    name: String,
    bytes: ByteStream,
    reader: Reader,
    columns: Vec<Option<Column>>,
    data: Vec<u8>,
    ends: Vec<usize>,
    filled: usize,
    fields: usize,
    row: u64,
    skipped: u64,
    cap: usize,
    keep_personal: bool,
}

/// More columns than this are no table of posts, and would only cost memory.
const MAX_COLUMNS: usize = 4096;

impl CsvPosts {
    pub(crate) fn new(
        name: String,
        mut bytes: ByteStream,
        options: &Options,
    ) -> Result<CsvPosts, CollectError> {
        let head = bytes.look(16 * 1024);
        let delimiter = sniff(head.split(|&b| b == b'\n').next().unwrap_or(head));
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        let (data, ends) = (vec![0; 64 * 1024], vec![0; 64]);
        let cap = options.max_value;
        let mut posts = CsvPosts {
            name,
            bytes,
            reader,
            columns: vec![],
            data,
            ends,
            filled: 0,
            fields: 0,
            row: 0,
            skipped: 0,
            cap,
            keep_personal: options.keep_personal,
        };
        let header = match posts.record() {
            Record::Whole => (0..posts.fields).map(|i| posts.text(i)).collect(),
            Record::End | Record::TooLarge => Vec::new(),
        };
        if let Some(source) = posts.bytes.take_error() {
            return Err(read_error(&posts.name, posts.row, source));
        }
        posts.columns = columns(&header);
        let empty = header.is_empty() && posts.bytes.look(1).is_empty();
        if !empty && !posts.columns.contains(&Some(Column::Text)) {
            let columns =
                header.iter().take(60).map(|title| crate::field::snippet(title.as_bytes())).collect();
            return Err(CollectError::NoTextColumn { path: posts.name, columns });
        }
        Ok(posts)
    }

    fn bytes_of(&self, field: usize) -> &[u8] {
        let start = if field == 0 { 0 } else { self.ends[field - 1] };
        &self.data[start..self.ends[field]]
    }

    fn text(&self, field: usize) -> String {
        String::from_utf8_lossy(self.bytes_of(field)).into_owned()
    }

    /// Reads one record into `data` and `ends`; the line at which it starts becomes the row.
    fn record(&mut self) -> Record {
        let (mut filled, mut fields, mut too_large) = (0, 0, false);
        if self.data.len() > 1024 * 1024 {
            self.data.truncate(64 * 1024);
            self.data.shrink_to_fit();
        }
        // The reader leaves the line feed of \r\n for the next record and passes over blank lines; taking both out of its
        // sight keeps the count of lines true.
        while let Some(byte @ (b'\r' | b'\n')) = self.bytes.peek() {
            self.bytes.advance(1);
            self.skipped += u64::from(byte == b'\n');
        }
        let line = self.reader.line() + self.skipped;
        loop {
            let input = self.bytes.rest();
            let at_end = input.is_empty();
            let (result, read, wrote, ended) =
                self.reader.read_record(input, &mut self.data[filled..], &mut self.ends[fields..]);
            self.bytes.advance(read);
            filled += wrote;
            fields += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.data.len() >= self.cap => {
                    too_large = true;
                    // The record is read to its end over the place of what came before; its beginning stays for the
                    // snippet, and the ends of fields are not read any more.
                    filled = (filled / 2).min(4096);
                    fields = 0;
                }
                ReadRecordResult::OutputFull => {
                    self.data.resize((self.data.len() * 2).min(self.cap.max(1)), 0)
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() >= MAX_COLUMNS => {
                    too_large = true;
                    fields = 0;
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                // A record that a read error ends is cut off: it is covered by the error.
                ReadRecordResult::Record if at_end && self.bytes.has_error() => return Record::End,
                ReadRecordResult::Record => {
                    (self.filled, self.fields, self.row) = (filled, fields, line);
                    return if too_large { Record::TooLarge } else { Record::Whole };
                }
                ReadRecordResult::End => return Record::End,
            }
        }
    }

    fn post(&self) -> Result<PostRecord, String> {
        if self.fields != self.columns.len() {
            let few = if self.fields < self.columns.len() { "few" } else { "many" };
            return Err(format!("too {few} columns: {} instead of {}", self.fields, self.columns.len()));
        }
        let mut post = PostRecord::default();
        for (field, column) in self.columns.iter().enumerate() {
            let Some(column) = column else { continue };
            let value = self.text(field);
            let some = || (!value.trim().is_empty()).then(|| value.clone());
            match column {
                Column::Id => post.id = some(),
                Column::Forum => post.forum = some(),
                Column::Board => post.board = some(),
                Column::Thread => post.thread = some(),
                Column::Title => post.title = some(),
                Column::Author => post.author = some(),
                Column::Time => post.time = time(&value)?,
                Column::ReplyTo => post.reply_to = some(),
                Column::Url => post.url = some(),
                Column::Quotes => post.quotes = quotes(&value),
                Column::Text => post.text = value,
            }
        }
        finish(&mut post)?;
        Ok(post)
    }
}

impl Posts for CsvPosts {
    fn next(&mut self) -> Option<Result<Item, CollectError>> {
        let refused = match self.record() {
            Record::End => {
                let source = self.bytes.take_error()?;
                return Some(Err(read_error(&self.name, self.row, source)));
            }
            Record::TooLarge => {
                format!("the row is longer than {} bytes or never ends; look for an open quote", self.cap)
            }
            Record::Whole => match self.post() {
                Ok(post) => return Some(Ok(Item::Post(Box::new(post)))),
                Err(reason) => reason,
            },
        };
        Some(Ok(Item::Reject(reject(
            &self.name,
            self.row,
            refused,
            &self.data[..self.filled],
            self.keep_personal,
        ))))
    }

    fn row(&self) -> u64 {
        self.row
    }
}

fn time(value: &str) -> Result<Option<Timestamp>, String> {
    let value = value.trim();
    if value.is_empty() {
        return Ok(None);
    }
    // Thirteen digits are milliseconds: as seconds they lie beyond any calendar.
    if value.len() == 13 && value.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(value[..10].parse().ok().and_then(Timestamp::checked));
    }
    Timestamp::parse(value).map(Some).map_err(|e| e.to_string())
}

fn quotes(value: &str) -> Vec<QuoteTarget> {
    let ids = value.split([' ', ';', ',', '\t']).filter(|id| !id.is_empty());
    ids.map(|id| QuoteTarget { post: Some(id.to_owned()), author: None }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, open_reader};

    fn read(text: &'static str) -> Vec<Result<PostRecord, (u64, String)>> {
        let options = Options { max_value: 100_000, ..Options::default() };
        let import = open_reader("t", text.as_bytes(), Some(Format::Csv), options).unwrap();
        import
            .map(|item| match item.unwrap() {
                Item::Post(post) => Ok(*post),
                Item::Reject(reject) => Err((reject.row, reject.reason)),
            })
            .collect()
    }

    #[test]
    fn aliases_and_quotes() {
        let posts = read(
            "post_id;Username;created_at;message;quotes;thread title\n\
             1;vega;2025-06-18 09:30:00;\"line one\r\nsaid \"\"yes\"\"; done\";4 5;Проба\n",
        );
        let post = posts[0].as_ref().unwrap();
        assert_eq!(post.text, "line one\nsaid \"yes\"; done");
        assert_eq!((post.id.as_deref(), post.author.as_deref()), (Some("1"), Some("vega")));
        assert_eq!(post.title.as_deref(), Some("Проба"));
        assert_eq!(post.time, Some(Timestamp(1_750_239_000)));
        assert_eq!(post.quotes.len(), 2);
    }

    #[test]
    fn odd_rows_are_set_aside_with_their_line() {
        let posts = read("id,text,time\n1,a,\n2\n3,b,c,d\n4,,\n5,e,yesterday\n6,f,1750239000000\n");
        assert_eq!(posts[0].as_ref().unwrap().text, "a");
        assert_eq!(posts[1], Err((3, "too few columns: 1 instead of 3".into())));
        assert_eq!(posts[2], Err((4, "too many columns: 4 instead of 3".into())));
        assert!(posts[3].as_ref().unwrap_err().1.starts_with("the text is missing"));
        assert!(posts[4].as_ref().unwrap_err().1.starts_with("'yesterday' is no time"));
        assert_eq!(posts[5].as_ref().unwrap().time, Some(Timestamp(1_750_239_000)));
    }

    #[test]
    fn lines_are_counted_with_any_line_ends() {
        for end in ["\n", "\r\n"] {
            let text = ["id,text", "1,a", "", "2,b,c", "3,\"x", "y\"", "4", "5,d"].join(end);
            let posts = read(Box::leak(text.into_boxed_str()));
            let lines: Vec<u64> =
                posts.iter().filter_map(|post| post.as_ref().err().map(|(row, _)| *row)).collect();
            assert_eq!((posts.len(), lines), (5, vec![4, 7]), "{end:?}");
        }
    }

    #[test]
    fn an_open_quote_does_not_fill_the_memory() {
        let text: String = format!("id,text\n1,ok\n2,\"{}", "x,y\n".repeat(100_000));
        let posts = read(Box::leak(text.into_boxed_str()));
        assert_eq!(posts.len(), 2);
        assert!(posts[1].as_ref().unwrap_err().1.contains("open quote"));
    }

    #[test]
    fn a_header_without_text_names_what_it_found() {
        let error = open_reader("x.csv", &b"id,author\n1,2\n"[..], None, Options::default()).unwrap_err();
        assert!(error.to_string().ends_with("found: id, author"), "{error}");
        let empty = open_reader("x.csv", &b""[..], None, Options::default()).unwrap();
        assert_eq!(empty.count(), 0);
    }

    #[test]
    fn delimiters_are_told() {
        assert_eq!(sniff(b"id\tauthor\ttext"), b'\t');
        assert_eq!(sniff(b"id|author|text"), b'|');
        assert_eq!(sniff(b"text"), b',');
    }
}
