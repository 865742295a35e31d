//! Names that are known: malware, tools, actors and techniques with their aliases, and the words of the trade.
//!
//! The names come from the MISP galaxies (`data/gazetteer/names.tsv`, made by `make.py` beside it); the words of the trade
//! (`slang.tsv`) are our own. A name is looked up by its letters and digits alone, so that `Cobalt-Strike`, `CobaltStrike`
//! and `cobalt strike` are one; digits that stand for letters (`r3dl1ne`) are read as such in longer names. A name that is
//! an ordinary word as well ("Chaos", "Play") is only found where something beside it says what it is.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;
use tm_model::EntityType;

const NAMES: &str = include_str!("../../../data/gazetteer/names.tsv");
const SLANG: &str = include_str!("../../../data/gazetteer/slang.tsv");

/// Words of a name at most.
const MOST_WORDS: usize = 5;
/// Letters of a name in which digits are read as letters, at least.
const LEET: usize = 7;
/// What stands last in a name and is left out as often.
const KINDS: [&str; 16] = [
    "stealer",
    "ransomware",
    "rat",
    "bot",
    "trojan",
    "loader",
    "backdoor",
    "malware",
    "group",
    "apt",
    "botnet",
    "worm",
    "team",
    "locker",
    "spyware",
    "banker",
];
/// Words beside an ambiguous name that say what it is. Russian ones are stems.
const SAYS: [&str; 30] = [
    "ransomware",
    "stealer",
    "trojan",
    "malware",
    "rat",
    "botnet",
    "loader",
    "backdoor",
    "worm",
    "banker",
    "locker",
    "spyware",
    "crypter",
    "infostealer",
    "group",
    "gang",
    "apt",
    "hackers",
    "actor",
    "actors",
    "стил",
    "троян",
    "вирус",
    "шифровальщик",
    "группировк",
    "вымогател",
    "малвар",
    "бэкдор",
    "ботнет",
    "загрузчик",
];
const SAYS_ZH: [&str; 8] = ["木马", "勒索", "病毒", "远控", "组织", "后门", "僵尸", "团伙"];

/// A known name and what it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Type of the thing.
    pub kind: EntityType,
    /// The name that it is best known by.
    pub name: &'static str,
    /// Its other names.
    pub aliases: Vec<&'static str>,
    /// Identifiers with their scheme, `attack:S0367`, `malpedia:win.emotet` or `misp:UUID`; the first is the best known.
    pub identifiers: Vec<&'static str>,
}

impl Link {
    /// The first identifier without its scheme, and what gives it: `mitre-attack`, `malpedia` or `misp-galaxy`.
    pub fn identifier(&self) -> Option<(&'static str, &'static str)> {
        let (scheme, id) = self.identifiers.first()?.split_once(':')?;
        let source = match scheme {
            "attack" => "mitre-attack",
            "malpedia" => "malpedia",
            _ => "misp-galaxy",
        };
        Some((id, source))
    }
}

/// A place in a text where a known name stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// Bytes of the text.
    pub bytes: Range<usize>,
    pub kind: EntityType,
    /// Canonical name.
    pub name: &'static str,
    /// An ordinary word as well, and nothing beside it says what it is.
    pub ambiguous: bool,
    /// A word of the trade, not a name.
    pub slang: bool,
}

#[derive(Debug)]
struct Entry {
    kind: EntityType,
    name: &'static str,
    aliases: Vec<&'static str>,
    identifiers: Vec<&'static str>,
    slang: bool,
}

#[derive(Debug, Clone, Copy)]
struct Spelling {
    entry: usize,
    ambiguous: bool,
    /// As the list has it.
    text: &'static str,
}

#[derive(Debug)]
struct Gazetteer {
    entries: Vec<Entry>,
    /// By letters and digits, see [`key`].
    spellings: HashMap<String, Spelling>,
    /// Stems that take an ending.
    stems: Vec<(&'static str, usize)>,
    /// First words of all spellings: most words of a text begin none.
    firsts: std::collections::HashSet<String>,
    ideographs: Option<AhoCorasick>,
    of_ideographs: Vec<Spelling>,
}

static GAZETTEER: LazyLock<Gazetteer> = LazyLock::new(Gazetteer::read);

/// Letters and digits of a name in small letters.
fn key(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}')
}

/// Digits and signs read as the letters they stand for.
fn letters(word: &str) -> String {
    word.chars()
        .map(|c| match c {
            '0' => 'o',
            '1' => 'i',
            '3' => 'e',
            '4' => 'a',
            '5' => 's',
            '7' => 't',
            c => c,
        })
        .collect()
}

impl Gazetteer {
    fn read() -> Gazetteer {
        let mut g = Gazetteer {
            entries: Vec::new(),
            spellings: HashMap::new(),
            stems: Vec::new(),
            firsts: std::collections::HashSet::new(),
            ideographs: None,
            of_ideographs: Vec::new(),
        };
        let mut short = Vec::new();
        for line in NAMES.lines().filter(|l| !l.starts_with('#')) {
            let mut columns = line.split('\t');
            let (Some(kind), Some(ids), Some(name), others) =
                (columns.next(), columns.next(), columns.next(), columns.next().unwrap_or(""))
            else {
                continue;
            };
            let Ok(kind) = kind.parse::<EntityType>() else { continue };
            let plain = |name: &'static str| name.trim_start_matches('?');
            let entry = g.entries.len();
            let others = others.split('|').filter(|o| !o.is_empty());
            for spelling in std::iter::once(name).chain(others.clone()) {
                let text = plain(spelling);
                let spelling = Spelling { entry, ambiguous: spelling.starts_with('?'), text };
                g.add(text, spelling);
                // `RedLine Stealer` is called `RedLine`.
                if let Some((head, last)) = text.rsplit_once(' ')
                    && kind != EntityType::Technique
                    && KINDS.contains(&last.to_lowercase().as_str())
                {
                    short.push((head, spelling));
                }
            }
            g.entries.push(Entry {
                kind,
                name: plain(name),
                aliases: others.map(plain).collect(),
                identifiers: ids.split(' ').filter(|i| !i.is_empty()).collect(),
                slang: false,
            });
        }
        for (head, spelling) in short {
            if key(head).len() > 3 {
                g.add(head, Spelling { text: head, ..spelling });
            }
        }
        for line in SLANG.lines().filter(|l| !l.starts_with('#')) {
            let mut columns = line.split('\t');
            let (Some(Ok(kind)), Some(name), Some(forms)) =
                (columns.next().map(str::parse::<EntityType>), columns.next(), columns.next())
            else {
                continue;
            };
            let entry = g.entries.len();
            for form in forms.split('|') {
                match form.strip_suffix('*') {
                    Some(stem) => g.stems.push((stem, entry)),
                    None => g.add(form, Spelling { entry, ambiguous: false, text: form }),
                }
            }
            let slang = kind == EntityType::Goods;
            g.entries.push(Entry { kind, name, aliases: Vec::new(), identifiers: Vec::new(), slang });
        }
        let words: Vec<&str> = g.of_ideographs.iter().map(|s| s.text).collect();
        g.ideographs = AhoCorasickBuilder::new().match_kind(MatchKind::LeftmostLongest).build(words).ok();
        g
    }

    /// Adds a spelling; one that is there already stays.
    fn add(&mut self, text: &'static str, spelling: Spelling) {
        if text.chars().any(is_ideograph) {
            // Latin letters within are matched as they stand. Single ideographs are words.
            if text.chars().count() > 1 {
                self.of_ideographs.push(spelling);
            }
            return;
        }
        let Some(first) = text.split(|c: char| !c.is_alphanumeric()).find(|w| !w.is_empty()) else { return };
        self.firsts.insert(first.to_lowercase());
        let whole = key(text);
        self.firsts.insert(whole.clone());
        self.spellings.entry(whole).or_insert(spelling);
    }

    /// Names in a text from left to right; none overlap.
    fn find(&self, text: &str) -> Vec<Named> {
        let mut found: Vec<Named> = Vec::new();
        if let Some(ideographs) = &self.ideographs {
            for m in ideographs.find_iter(text) {
                let spelling = self.of_ideographs[m.pattern().as_usize()];
                found.push(self.named(text, m.range(), spelling, spelling.ambiguous));
            }
        }
        let words = words(text);
        let mut i = 0;
        while i < words.len() {
            let lower = text[words[i].clone()].to_lowercase();
            if !self.firsts.contains(&lower) {
                if let Some(named) = self.odd(text, words[i].clone(), &lower) {
                    found.push(named);
                }
                i += 1;
                continue;
            }
            let mut key = String::new();
            let mut best = None;
            for (n, word) in words[i..].iter().take(MOST_WORDS).enumerate() {
                if n > 0 {
                    let between = &text[words[i + n - 1].end..word.start];
                    if !matches!(between, " " | "-" | "_" | "." | "+" | ":" | "") {
                        break;
                    }
                }
                key.extend(text[word.clone()].chars().flat_map(char::to_lowercase));
                if let Some(spelling) = self.spellings.get(&key) {
                    best = Some((n + 1, *spelling));
                }
            }
            let Some((n, spelling)) = best else {
                if let Some(named) = self.odd(text, words[i].clone(), &lower) {
                    found.push(named);
                }
                i += 1;
                continue;
            };
            let bytes = words[i].start..words[i + n - 1].end;
            let ambiguous = spelling.ambiguous && !self.said(text, &words, i, n, spelling);
            found.push(self.named(text, bytes, spelling, ambiguous));
            i += n;
        }
        found.sort_by_key(|n| (n.bytes.start, usize::MAX - n.bytes.end));
        let mut end = 0;
        found.retain(|n| {
            let free = n.bytes.start >= end;
            if free {
                end = n.bytes.end;
            }
            free
        });
        found
    }

    /// A word that is no spelling as it stands: with an ending, or with digits for letters.
    fn odd(&self, text: &str, word: Range<usize>, lower: &str) -> Option<Named> {
        let stem = self.stems.iter().find(|(stem, _)| {
            lower
                .strip_prefix(stem)
                .is_some_and(|ending| ending.chars().count() < 4 && ending.chars().all(char::is_alphabetic))
        });
        if let Some(&(stem, entry)) = stem {
            return Some(self.named(text, word, Spelling { entry, ambiguous: false, text: stem }, false));
        }
        let mixed =
            lower.bytes().any(|b| b.is_ascii_digit()) && lower.bytes().any(|b| b.is_ascii_alphabetic());
        if !mixed || lower.len() < LEET || !lower.is_ascii() {
            return None;
        }
        let plain = letters(lower);
        let spelling =
            self.spellings.get(&plain).or_else(|| self.spellings.get(&letters(&lower.replace('1', "l"))))?;
        (!spelling.ambiguous).then(|| self.named(text, word, *spelling, false))
    }

    fn named(&self, text: &str, bytes: Range<usize>, spelling: Spelling, ambiguous: bool) -> Named {
        let entry = &self.entries[spelling.entry];
        let words = &text[bytes.clone()];
        // Short names in small letters are words of some language more often.
        let small = !entry.slang
            && entry.kind != EntityType::Technique
            && words.chars().all(|c| !c.is_uppercase())
            && words.is_ascii()
            && words != spelling.text
            && spelling.text.len() < LEET;
        Named { bytes, kind: entry.kind, name: entry.name, ambiguous: ambiguous || small, slang: entry.slang }
    }

    /// Whether what stands beside `n` words from the one at `i` on says that an ambiguous name is meant.
    fn said(&self, text: &str, words: &[Range<usize>], i: usize, n: usize, spelling: Spelling) -> bool {
        let here = &text[words[i].start..words[i + n - 1].end];
        if !here.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit()) {
            return false;
        }
        // Several words in the very case of the list: `Cobalt Strike`, `Lazarus Group`.
        if n > 1 && here == spelling.text && here.len() > LEET {
            return true;
        }
        let says = |word: Option<&Range<usize>>| {
            word.is_some_and(|w| {
                let word = text[w.clone()].to_lowercase();
                SAYS.iter().any(|s| if s.is_ascii() { word == *s } else { word.starts_with(s) })
            })
        };
        let end = words[i + n - 1].end;
        let behind = text[end..].trim_start();
        let before = i.checked_sub(1).map(|p| &words[p]);
        says(words.get(i + n)).then_some(()).is_some()
            || before.is_some_and(|p| text[p.end..words[i].start].trim().is_empty() && says(Some(p)))
            || SAYS_ZH.iter().any(|s| behind.starts_with(s) || text[..words[i].start].ends_with(s))
    }
}

/// Runs of letters and digits, but for ideographs.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    let mut open = None;
    for (at, c) in text.char_indices() {
        let inside = c.is_alphanumeric() && !is_ideograph(c);
        match (inside, open) {
            (true, None) => open = Some(at),
            (false, Some(start)) => {
                words.push(start..at);
                open = None;
            }
            _ => {}
        }
    }
    words.extend(open.map(|start| start..text.len()));
    words
}

/// Known names in a text, from left to right.
pub(crate) fn names(text: &str) -> Vec<Named> {
    GAZETTEER.find(text)
}

/// What a named thing is known as: canonical name, other names, identifiers. `value` may be any of its names, in any case
/// and with any signs between the words. For `attack_technique` the value is the technique's number.
///
/// ```
/// use tm_model::EntityType;
/// let link = tm_extract::link(EntityType::Malware, "geodo").unwrap();
/// assert_eq!(link.name, "Emotet");
/// assert_eq!(link.identifier(), Some(("S0367", "mitre-attack")));
/// ```
pub fn link(kind: EntityType, value: &str) -> Option<Link> {
    let g = &*GAZETTEER;
    let entry = if kind == EntityType::AttackTechnique {
        let id = format!("attack:{value}");
        g.entries.iter().find(|e| e.identifiers.iter().any(|i| *i == id))?
    } else {
        let lower = key(value);
        let spelling =
            g.spellings.get(&lower).or_else(|| g.of_ideographs.iter().find(|s| key(s.text) == lower))?;
        &g.entries[spelling.entry]
    };
    let named = |k: EntityType| matches!(k, EntityType::Malware | EntityType::Tool | EntityType::ThreatActor);
    let fits = entry.kind == kind
        || named(kind) && named(entry.kind)
        || kind == EntityType::AttackTechnique && entry.kind == EntityType::Technique
        || kind == EntityType::Software && entry.kind == EntityType::Tool;
    (fits && !entry.slang).then(|| Link {
        kind: entry.kind,
        name: entry.name,
        aliases: entry.aliases.clone(),
        identifiers: entry.identifiers.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[(&str, EntityType, &str)]) {
        let found = names(text);
        let got: Vec<_> =
            found.iter().filter(|n| !n.ambiguous).map(|n| (&text[n.bytes.clone()], n.kind, n.name)).collect();
        assert_eq!(got, expect, "{text}");
    }

    #[test]
    fn names_in_any_spelling() {
        check("spread by Emotet, then Cobalt-Strike", &[("Emotet", EntityType::Malware, "Emotet")]);
        check(
            "Cobalt Strike and mimikatz",
            &[
                ("Cobalt Strike", EntityType::Malware, "Cobalt Strike"),
                ("mimikatz", EntityType::Tool, "Mimikatz"),
            ],
        );
        check(
            "продам логи стилера, m1m1katz в архиве",
            &[("логи стилера", EntityType::Goods, "logs"), ("m1m1katz", EntityType::Tool, "Mimikatz")],
        );
        check(
            "出售卡料，银狐远控",
            &[("卡料", EntityType::Goods, "cvv"), ("银狐", EntityType::Malware, "ValleyRAT")],
        );
    }

    #[test]
    fn ordinary_words_need_context() {
        check("chaos in the thread, Play it again", &[]);
        check("Play ransomware hit them", &[("Play", EntityType::ThreatActor, "Play")]);
    }

    #[test]
    fn links_name_identifiers() {
        let heodo = link(EntityType::Malware, "Heodo").unwrap();
        assert_eq!((heodo.name, heodo.identifiers.contains(&"malpedia:win.emotet")), ("Emotet", true));
        assert_eq!(link(EntityType::AttackTechnique, "T1055.012").unwrap().name, "Process Hollowing");
        assert_eq!(link(EntityType::Location, "Emotet"), None);
        assert_eq!(link(EntityType::Malware, "no such thing"), None);
    }

    #[test]
    fn hostile_texts_pass() {
        for text in ["", "\u{0}", "ééé", "a.a.a.a.a.a.a.a", "\u{1f600}Play\u{1f600}", "银", "İstanbul"] {
            let _ = names(text);
        }
        assert!(names(&"play ".repeat(10_000)).iter().all(|n| n.ambiguous));
    }
}
