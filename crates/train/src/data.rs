//! Labelled data: reading, folds, and translation of spans into tags of tokens.

use serde::Deserialize;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use tm_extract::neural::{ENTITY_TAGS, Opinion, TAGGED_ENTITIES, Token, Tokenizer};
use tm_model::{EntityType, EventType, Modality, Role, Span};

/// Labelled data that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Labels of posts whose text no file of texts has.
    #[error(
        "the text of {count} labelled posts is in none of the files of --texts, for example of {example:?}"
    )]
    Textless {
        /// How many.
        count: usize,
        /// Identifier of one of them.
        example: String,
    },
    /// A line is not of the form that the guidelines describe.
    #[error("{path}, line {line}: {reason}")]
    Line {
        /// The file.
        path: String,
        /// From 1.
        line: usize,
        /// What was wrong.
        reason: String,
    },
}

/// An argument label.
#[derive(Debug, Clone, Deserialize)]
pub struct GoldArgument {
    /// Role.
    pub role: Role,
    /// Code points, start and exclusive end.
    pub span: (u32, u32),
}

/// An event label.
#[derive(Debug, Clone, Deserialize)]
pub struct GoldEvent {
    /// Type.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// Modality.
    pub modality: Modality,
    /// Code points of the trigger.
    pub trigger: (u32, u32),
    /// Arguments.
    #[serde(default)]
    pub args: Vec<GoldArgument>,
}

/// An entity label. Sets with other types than ours carry `null` where no type of ours fits.
#[derive(Debug, Clone, Deserialize)]
pub struct GoldEntity {
    /// Type, or none.
    #[serde(rename = "type")]
    pub kind: Option<EntityType>,
    /// Code points.
    pub span: (u32, u32),
}

/// A labelled post or sentence.
#[derive(Debug, Clone, Deserialize)]
pub struct GoldPost {
    /// Identifier.
    pub id: serde_json::Value,
    /// Language, where the set tells it.
    #[serde(default)]
    pub lang: Option<String>,
    /// Name of the entity set.
    #[serde(default)]
    pub set: Option<String>,
    /// Text; empty in label files that leave the text to whoever may distribute it (see [`join_texts`]).
    #[serde(default)]
    pub text: String,
    /// Relevance, where labelled.
    #[serde(default)]
    pub relevant: Option<bool>,
    /// Relevance label of post sets: YES/NO/Undecided or 0/1.
    #[serde(default)]
    pub label: Option<String>,
    /// Events; `None` in sets without event labels.
    #[serde(default)]
    pub events: Option<Vec<GoldEvent>>,
    /// Entities.
    #[serde(default)]
    pub entities: Vec<GoldEntity>,
}

impl GoldPost {
    /// The identifier as text.
    pub fn key(&self) -> String {
        self.id.as_str().map_or_else(|| self.id.to_string(), str::to_owned)
    }
    /// Which part of the data the post belongs to.
    pub fn fold(&self) -> Fold {
        match fold_hash(&self.key()) % 10 {
            0 | 5 => Fold::HeldOut,
            1 => Fold::Development,
            _ => Fold::Training,
        }
    }
}

/// Parts of the labelled data, by hash of the identifier, so that a post stays in its part when data grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Two tenths, never trained on nor tuned on.
    HeldOut,
    /// One tenth, on which thresholds are chosen.
    Development,
    /// The others.
    Training,
}

/// FNV-1a with an avalanche step; the fold of an identifier must never change.
fn fold_hash(id: &str) -> u64 {
    let hash =
        id.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

/// Reads a JSONL file of labelled posts, gzipped or not.
///
/// # Errors
/// [`DataError`] with file and line: labelled data is ours to mend, so nothing is skipped.
pub fn read_gold(path: &Path) -> Result<Vec<GoldPost>, DataError> {
    let name = path.display().to_string();
    let io = |source| DataError::Io { path: name.clone(), source };
    let file = std::fs::File::open(path).map_err(io)?;
    let gz = path.extension().is_some_and(|e| e == "gz");
    let reader: Box<dyn Read> =
        if gz { Box::new(flate2::read::MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut posts = Vec::new();
    for (i, line) in BufReader::new(reader).lines().enumerate() {
        let line = line.map_err(io)?;
        if line.trim().is_empty() {
            continue;
        }
        let post = serde_json::from_str::<GoldPost>(&line);
        posts.push(post.map_err(|e| DataError::Line {
            path: name.clone(),
            line: i + 1,
            reason: e.to_string(),
        })?);
    }
    Ok(posts)
}

/// Gives labelled posts without a text the text of the same identifier in `texts`. Labels of other people's posts are kept
/// without their words; an identifier that stands for several texts gives none.
///
/// # Errors
/// [`DataError`] when a file cannot be read, or a text is in none of them.
pub fn join_texts(posts: &mut [GoldPost], texts: &[std::path::PathBuf]) -> Result<(), DataError> {
    if posts.iter().all(|p| !p.text.is_empty()) {
        return Ok(());
    }
    let mut known: HashMap<String, Option<String>> = HashMap::new();
    for path in texts {
        for post in read_gold(path)? {
            let same = known.entry(post.key()).or_insert_with(|| Some(post.text.clone()));
            if same.as_ref().is_some_and(|text| *text != post.text) {
                *same = None;
            }
        }
    }
    let mut missing = Vec::new();
    for post in posts.iter_mut().filter(|p| p.text.is_empty()) {
        match known.get(&post.key()) {
            Some(Some(text)) => post.text.clone_from(text),
            _ => missing.push(post.key()),
        }
    }
    match missing.first() {
        Some(example) => Err(DataError::Textless { count: missing.len(), example: example.clone() }),
        None => Ok(()),
    }
}

/// Tag that is not counted in the loss.
pub const IGNORE: u8 = u8::MAX;

/// An event in tokens.
#[derive(Debug, Clone)]
pub struct TokenEvent {
    /// Tokens of the trigger.
    pub trigger: (usize, usize),
    /// Modality.
    pub modality: Modality,
    /// Tokens of the arguments that belong to it.
    pub arguments: Vec<(usize, usize)>,
}

/// One window of a labelled post, ready for training.
#[derive(Debug, Clone)]
pub struct Example {
    /// Tokens of the window.
    pub tokens: Vec<Token>,
    /// Relevance of the whole post, where it is known and the window stands for it.
    pub relevant: Option<bool>,
    /// Event types with a trigger in the window; `None` without event labels.
    pub types: Option<[bool; EventType::ALL.len()]>,
    /// Tag of each token; empty without event labels.
    pub triggers: Vec<u8>,
    /// Tag of each token; empty without event labels.
    pub arguments: Vec<u8>,
    /// Tag of each token; [`IGNORE`] where the set does not say.
    pub entities: Vec<u8>,
    /// Entity tags that the set annotates: others are left out of the softmax rather than taught as absent.
    pub entity_tags: [bool; ENTITY_TAGS],
    /// Events that lie wholly in the window.
    pub events: Vec<TokenEvent>,
    /// What a teacher says of the window, where it stands for labels.
    pub opinion: Option<Opinion>,
}

fn token_range(tokens: &[Token], span: (u32, u32)) -> Option<(usize, usize)> {
    let span = Span::new(span.0, span.1);
    let first = tokens.iter().position(|t| t.span.overlaps(span))?;
    let last = tokens.iter().rposition(|t| t.span.overlaps(span))? + 1;
    // A bare word marker covers nothing; a begin tag belongs on the first piece that shows.
    Some((first, last))
}

fn tag(tags: &mut [u8], (first, last): (usize, usize), class: usize) {
    // The first label wins where two overlap: the guidelines put the more important one first.
    if tags[first..last].iter().any(|&t| t != 0) {
        return;
    }
    tags[first..last].fill(2 + 2 * class as u8);
    tags[first] = 1 + 2 * class as u8;
}

/// Cuts a labelled post into windows of at most `room` tokens.
pub fn examples(
    tokenizer: &Tokenizer,
    post: &GoldPost,
    room: usize,
    annotated: &[bool; ENTITY_TAGS],
) -> Vec<Example> {
    let tokens = tokenizer.encode(&post.text);
    let n = tokens.len();
    let mut entities = vec![0u8; n];
    for e in &post.entities {
        let Some(range) = token_range(&tokens, e.span) else { continue };
        match e.kind.and_then(|k| TAGGED_ENTITIES.iter().position(|&t| t == k)) {
            Some(class) => tag(&mut entities, range, class),
            None => entities[range.0..range.1].fill(IGNORE),
        }
    }
    let labelled = post.events.is_some();
    let (mut triggers, mut arguments, mut events) = (vec![0u8; n], vec![0u8; n], Vec::new());
    for e in post.events.iter().flatten() {
        let Some(trigger) = token_range(&tokens, e.trigger) else { continue };
        tag(&mut triggers, trigger, e.kind.index());
        let mut ranges = Vec::new();
        for a in &e.args {
            let Some(range) = token_range(&tokens, a.span) else { continue };
            tag(&mut arguments, range, a.role.index());
            ranges.push(range);
        }
        events.push((e.kind, TokenEvent { trigger, modality: e.modality, arguments: ranges }));
    }
    let whole = n <= room;
    (0..n.max(1).div_ceil(room))
        .map(|w| {
            let (start, end) = (w * room, ((w + 1) * room).min(n));
            let inside = |r: &(usize, usize)| r.0 >= start && r.1 <= end;
            let shift = |r: &(usize, usize)| (r.0 - start, r.1 - start);
            let mine: Vec<_> = events.iter().filter(|(_, e)| inside(&e.trigger)).collect();
            let mut types = [false; EventType::ALL.len()];
            mine.iter().for_each(|(kind, _)| types[kind.index()] = true);
            let keep = |tags: &[u8]| if labelled { tags[start..end].to_vec() } else { Vec::new() };
            Example {
                tokens: tokens[start..end].to_vec(),
                // A window without event of a relevant post may be relevant or not.
                relevant: post.relevant.filter(|&r| whole || !r || !mine.is_empty()),
                types: labelled.then_some(types),
                triggers: keep(&triggers),
                arguments: keep(&arguments),
                entities: entities[start..end].to_vec(),
                entity_tags: *annotated,
                events: mine
                    .iter()
                    .map(|(_, e)| TokenEvent {
                        trigger: shift(&e.trigger),
                        modality: e.modality,
                        arguments: e.arguments.iter().filter(|r| inside(r)).map(shift).collect(),
                    })
                    .collect(),
                opinion: None,
            }
        })
        .collect()
}

/// Entity tags that occur in a set, with the outside tag.
pub fn annotated_tags<'a>(posts: impl IntoIterator<Item = &'a GoldPost>) -> [bool; ENTITY_TAGS] {
    let mut tags = [false; ENTITY_TAGS];
    tags[0] = true;
    for e in posts.into_iter().flat_map(|p| &p.entities) {
        if let Some(class) = e.kind.and_then(|k| TAGGED_ENTITIES.iter().position(|&t| t == k)) {
            tags[1 + 2 * class] = true;
            tags[2 + 2 * class] = true;
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_from_their_own_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("texts.jsonl");
        std::fs::write(
            &path,
            "{\"id\":\"a\",\"text\":\"one\"}\n{\"id\":\"b\",\"text\":\"two\"}\n{\"id\":\"b\",\"text\":\"three\"}\n",
        )
        .unwrap();
        let post = |id: &str| -> GoldPost { serde_json::from_value(serde_json::json!({"id": id})).unwrap() };
        let mut posts = vec![post("a")];
        join_texts(&mut posts, std::slice::from_ref(&path)).unwrap();
        assert_eq!(posts[0].text, "one");
        // An identifier of two texts could be either: no label may land on the wrong words.
        for id in ["b", "c"] {
            let error = join_texts(&mut [post(id)], std::slice::from_ref(&path)).unwrap_err();
            assert!(matches!(error, DataError::Textless { count: 1, .. }), "{error}");
        }
    }

    #[test]
    fn folds_never_move() {
        let fold = |id: &str| {
            GoldPost { id: id.into(), ..serde_json::from_str(r#"{"id":"","text":""}"#).unwrap() }.fold()
        };
        let all: Vec<Fold> = (0..2000).map(|i| fold(&format!("own-ru-{i:04}"))).collect();
        let held = all.iter().filter(|f| **f == Fold::HeldOut).count();
        assert!((320..480).contains(&held), "{held}");
        assert_eq!(fold_hash("crackingarena-00001") % 10, 3);
    }

    #[test]
    fn spans_become_tags() {
        let pieces: Vec<(String, f32)> =
            ["▁sell", "ing", "▁cvv", "▁now"].map(|p| (p.to_string(), -1.0)).to_vec();
        let tokenizer = Tokenizer::new(&pieces, &[]);
        let post: GoldPost = serde_json::from_str(
            r#"{"id":"1","text":"selling cvv now","relevant":true,"events":[{"type":"sell","modality":"asserted",
            "trigger":[0,7],"args":[{"role":"asset","span":[8,11]}]}],"entities":[{"type":"goods","span":[8,11]},
            {"type":null,"span":[12,15]}]}"#,
        )
        .unwrap();
        let e = &examples(&tokenizer, &post, 254, &[true; ENTITY_TAGS])[0];
        assert_eq!(e.triggers, [1, 2, 0, 0]);
        assert_eq!(e.arguments, [0, 0, 1 + 2 * Role::Asset as u8, 0]);
        assert_eq!(e.entities, [0, 0, 15, IGNORE]);
        assert_eq!(e.events[0].arguments, [(2, 3)]);
    }
}
