//! Pattern rules with validators: indicators, contacts, prices.
//!
//! Rules are data (`rules/*.toml`), each with its own examples; what a regular expression cannot say (checksums,
//! public suffixes, context) is said by a validator.

mod encoded;
mod fold;
mod host;
mod money;
mod scan;
mod tags;
mod validate;
mod wallet;

use fold::Folded;
use host::{Form, SPOKEN_DOTS};
use regex_automata::{Input, meta::Regex, util::captures::Captures};
use scan::{Place, Sign, Words, scan};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
pub use tags::tags_of;
use tm_model::{EntityHit, EntityType, Source, Span, mask_card};
use validate::{Candidate, Validator};

/// A rule pack that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The file is not TOML of the expected form.
    #[error("{file}: {reason}")]
    Syntax {
        /// Name of the file.
        file: String,
        /// What was wrong, with the place.
        reason: String,
    },
    /// A rule is wrong in itself.
    #[error("{file}, rule '{rule}': {reason}")]
    Rule {
        /// Name of the file.
        file: String,
        /// Name of the rule.
        rule: String,
        /// What was wrong.
        reason: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pack {
    #[serde(default)]
    rule: Vec<RuleText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    name: String,
    #[serde(rename = "type")]
    kind: EntityType,
    #[allow(dead_code)]
    description: String,
    /// Expression; rules without one are read by hand, see `matcher`.
    #[serde(default)]
    pattern: Option<String>,
    /// What is read by hand.
    #[serde(default)]
    matcher: Option<Matcher>,
    /// Words (ASCII case does not matter) one of which stands in or near every match; without them and without a sign
    /// the expression reads the whole text.
    #[serde(default)]
    near: Vec<String>,
    /// Bytes before and behind the word that the expression reads.
    #[serde(default)]
    reach: Option<(usize, usize)>,
    #[serde(default)]
    sign: Option<Sign>,
    #[serde(default)]
    validator: Option<String>,
    /// Among overlapping matches the higher priority wins, then the longer match, then the earlier rule.
    #[serde(default = "one")]
    priority: u8,
    #[serde(default)]
    examples: Vec<(String, String)>,
    #[serde(default)]
    negative_examples: Vec<String>,
}

/// Forms that are read by hand (see [`host`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Matcher {
    Ipv4,
    Cidr,
    Domain,
    Onion,
    Email,
    Url,
    File,
}

impl Matcher {
    fn takes(self, form: Form) -> bool {
        match self {
            Matcher::Ipv4 => form == Form::Ipv4,
            Matcher::Cidr => form == Form::Cidr,
            // What is no host may be a file, and the other way round: the validators tell.
            Matcher::Domain | Matcher::File => form == Form::Domain,
            Matcher::Onion => form == Form::Onion,
            Matcher::Email => form == Form::Email,
            Matcher::Url => form == Form::Url,
        }
    }
}

fn one() -> u8 {
    1
}

#[derive(Debug)]
struct Rule {
    file: String,
    text: RuleText,
    /// The expression with the numbers of its groups `v`, `w` and `x`.
    regex: Option<(Regex, Vec<usize>)>,
    validator: Validator,
}

/// A compiled set of rules.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    words: Words,
    /// Rules that wait for each word, sign and form, and those that wait for nothing.
    of_word: Vec<Vec<usize>>,
    of_sign: [Vec<usize>; Sign::COUNT],
    of_form: [Vec<usize>; Form::COUNT],
    everywhere: Vec<usize>,
}

/// Bytes before and behind a word that an expression reads unless the rule says otherwise.
const REACH: (usize, usize) = (48, 160);

/// Spellings of a dot in defanged text.
const DOT: &str = r"(?: \. |\s?\[\.\]\s?|\s?\(\.\)\s?|\s?\{\.\}\s?|\s?[\[({]\s?(?:dot|точка|点|punto|punkt)\s?[\])}]\s?|\\\.|\[\.|\.\]| dot |\.)";
const AT: &str = r"(?:\s?\[\s?@\s?\]\s?|\s?\(\s?@\s?\)\s?|\s?[\[({]\s?(?:at|собака)\s?[\])}]\s?| at |@)";
const COLON: &str = r"(?:\[:\]|\(:\)|:)";

/// The packs that come with the program, by file name.
const BUNDLED: [(&str, &str); 5] = [
    ("contacts.toml", include_str!("../../../../rules/contacts.toml")),
    ("network.toml", include_str!("../../../../rules/network.toml")),
    ("files.toml", include_str!("../../../../rules/files.toml")),
    ("wallets.toml", include_str!("../../../../rules/wallets.toml")),
    ("encoded.toml", include_str!("../../../../rules/encoded.toml")),
];

impl Rules {
    /// The rules that come with the program.
    ///
    /// # Errors
    /// [`RulesError`] when one of them is wrong, which a test rules out.
    pub fn bundled() -> Result<Rules, RulesError> {
        Rules::of(&BUNDLED)
    }

    /// Rules of one pack alone.
    ///
    /// # Errors
    /// [`RulesError`] with file and rule.
    pub fn parse(file: &str, text: &str) -> Result<Rules, RulesError> {
        Rules::of(&[(file, text)])
    }

    fn of(packs: &[(&str, &str)]) -> Result<Rules, RulesError> {
        let mut rules = Vec::new();
        let mut names = HashSet::new();
        for (file, text) in packs {
            let pack: Pack = toml::from_str(text)
                .map_err(|e| RulesError::Syntax { file: (*file).into(), reason: e.to_string() })?;
            for text in pack.rule {
                let bad = |reason: String| RulesError::Rule {
                    file: (*file).into(),
                    rule: text.name.clone(),
                    reason,
                };
                if !names.insert(text.name.clone()) {
                    return Err(bad("the name is taken".into()));
                }
                if text.pattern.is_some() == text.matcher.is_some() {
                    return Err(bad("it needs a pattern or a matcher, one of them".into()));
                }
                let regex = text.pattern.as_deref().map(compile).transpose().map_err(bad)?;
                let name = text.validator.as_deref().unwrap_or("any");
                let validator = Validator::by_name(name).ok_or_else(|| {
                    bad(format!("unknown validator '{name}', known are: {}", Validator::names()))
                })?;
                rules.push(Rule { file: (*file).into(), regex, validator, text });
            }
        }
        // The spellings of a dot that no byte announces are the first words.
        let mut words = SPOKEN_DOTS.map(ToOwned::to_owned).to_vec();
        let mut numbers: HashMap<String, usize> = words.iter().cloned().zip(0..).collect();
        let mut of_word: Vec<Vec<usize>> = vec![Vec::new(); SPOKEN_DOTS.len()];
        for (i, rule) in rules.iter().enumerate() {
            for word in &rule.text.near {
                let number = *numbers.entry(word.to_lowercase()).or_insert_with(|| {
                    words.push(word.to_lowercase());
                    of_word.push(Vec::new());
                    words.len() - 1
                });
                if !of_word[number].contains(&i) {
                    of_word[number].push(i);
                }
                // Only ASCII is matched in both cases.
                let capital = capitalised(word);
                if let Some(capital) = capital {
                    let number = *numbers.entry(capital.clone()).or_insert_with(|| {
                        words.push(capital);
                        of_word.push(Vec::new());
                        words.len() - 1
                    });
                    if !of_word[number].contains(&i) {
                        of_word[number].push(i);
                    }
                }
            }
        }
        let which = |take: &dyn Fn(&RuleText) -> bool| -> Vec<usize> {
            rules.iter().enumerate().filter(|(_, r)| take(&r.text)).map(|(i, _)| i).collect()
        };
        Ok(Rules {
            words: Words::new(&words),
            of_word,
            of_sign: Sign::ALL.map(|sign| which(&|r| r.sign == Some(sign))),
            of_form: Form::ALL.map(|form| which(&|r| r.matcher.is_some_and(|m| m.takes(form)))),
            everywhere: which(&|r| r.matcher.is_none() && r.sign.is_none() && r.near.is_empty()),
            rules,
        })
    }

    /// Number of rules.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// True when there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Runs the examples and negative examples of each rule; returns what failed, in words.
    pub fn check(&self) -> Vec<RulesError> {
        let mut failures = Vec::new();
        for (order, rule) in self.rules.iter().enumerate() {
            let fail = |reason: String| RulesError::Rule {
                file: rule.file.clone(),
                rule: rule.text.name.clone(),
                reason,
            };
            let found = |text: &str| {
                let folded = Folded::new(text);
                let mut hits = self.hits(&folded);
                hits.retain(|h| h.order == order);
                hits.into_iter().map(|h| h.value).collect::<Vec<_>>()
            };
            if rule.text.examples.is_empty() {
                failures.push(fail("it has no examples".into()));
            }
            for (text, value) in &rule.text.examples {
                let values = found(text);
                if !values.contains(value) {
                    failures.push(fail(format!("expected '{value}' in '{text}', found {values:?}")));
                }
            }
            for text in &rule.text.negative_examples {
                let values = found(text);
                if !values.is_empty() {
                    failures.push(fail(format!("expected nothing in '{text}', found {values:?}")));
                }
            }
        }
        failures
    }

    /// All indicators of a text, by start; none overlap.
    pub fn find(&self, text: &str) -> Vec<EntityHit> {
        let folded = Folded::new(text);
        let mut hits = self.hits(&folded);
        if hits.is_empty() {
            return Vec::new();
        }
        // Priority, then length, then order of the rules decides between overlapping ones. Windows of neighbouring signs
        // overlap, so that a match may be here twice: it overlaps itself.
        let rank = |h: &Hit| (u8::MAX - h.priority, usize::MAX - (h.end - h.start), h.order, h.start);
        hits.sort_by_key(rank);
        let mut taken: BTreeMap<usize, Hit> = BTreeMap::new();
        for hit in hits {
            // Those taken do not overlap one another: only the last one that starts before the end can be in the way.
            let free = taken.range(..hit.end).next_back().is_none_or(|(_, t)| t.end <= hit.start);
            if free && hit.end > hit.start {
                taken.insert(hit.start, hit);
            }
        }
        // Hits stand in order: counting on from the one before needs no table.
        let (mut byte, mut chars) = (0, 0);
        let mut place = |to: usize| {
            chars += text.as_bytes()[byte..to].iter().filter(|b| (**b as i8) >= -0x40).count();
            byte = to;
            chars as u32
        };
        taken
            .into_values()
            .map(|h| {
                let bytes = folded.original(h.start..h.end);
                let span = Span::new(place(bytes.start), place(bytes.end));
                let words = text.get(bytes).unwrap_or("");
                // A card number is never shown whole, not even as the words of the post.
                let text = if h.kind == EntityType::Card { mask_card(words) } else { words.to_owned() };
                EntityHit {
                    kind: h.kind,
                    value: h.value,
                    text,
                    span,
                    source: Source::Pattern,
                    confidence: h.confidence,
                }
            })
            .collect()
    }
}

/// Compiles an expression of a pack.
fn compile(pattern: &str) -> Result<(Regex, Vec<usize>), String> {
    let pattern = pattern
        .replace("{DOT}", DOT)
        .replace("{AT}", AT)
        .replace("{COLON}", COLON)
        .replace("{B}", r"(?-u:\b)");
    let regex = Regex::new(&pattern)
        .map_err(|e| e.syntax_error().map_or_else(|| e.to_string(), ToString::to_string))?;
    let group = |name| regex.group_info().to_index(regex_automata::PatternID::ZERO, name);
    let groups = ["v", "w", "x"].into_iter().filter_map(group).collect();
    Ok((regex, groups))
}

/// A word with its first letter capitalised, when that letter is not ASCII.
fn capitalised(word: &str) -> Option<String> {
    let first = word.chars().next().filter(|c| !c.is_ascii())?;
    let capital: String = first.to_uppercase().collect();
    Some(capital + &word[first.len_utf8()..].to_lowercase()).filter(|c| *c != word.to_lowercase())
}

/// A validated match, in bytes of the folded text.
#[derive(Debug)]
struct Hit {
    start: usize,
    end: usize,
    kind: EntityType,
    value: String,
    confidence: f32,
    priority: u8,
    order: usize,
}

impl Rules {
    /// All validated matches, overlapping ones too.
    fn hits(&self, folded: &Folded<'_>) -> Vec<Hit> {
        let text = folded.text();
        let mut hits = Vec::new();
        let host = |range: Range<usize>, form: Form, hits: &mut Vec<Hit>| {
            let before = hits.len();
            let all = |range: Range<usize>, form: Form, hits: &mut Vec<Hit>| {
                for &order in &self.of_form[form as usize] {
                    self.rules[order].validate(order, text, range.clone(), hits);
                }
            };
            all(range.clone(), form, hits);
            // "Look at 203.0.113[.]7" and `root@203.0.113.7` are no mail addresses, but they hold one of a host.
            if form == Form::Email
                && hits.len() == before
                && let Some(at) = text[range.clone()]
                    .find(" at ")
                    .map(|at| at + 4)
                    .or_else(|| text[range.clone()].find('@').map(|at| at + 1))
                && let Some((range, form)) = host::at_label(text, range.start + at)
            {
                all(range, form, hits);
            }
        };
        scan(text, |place| match place {
            Place::Host(range, form) => host(range, form, &mut hits),
            Place::Sign { sign, from, to } => {
                for &order in &self.of_sign[sign as usize] {
                    self.rules[order].search(order, text, from..to, &mut hits);
                }
            }
        });
        self.words.each(text, |word, at| {
            if word < SPOKEN_DOTS.len() {
                if let Ok((range, form)) = host::at_dot(text, at.start, 0) {
                    host(range, form, &mut hits);
                }
                return;
            }
            for &order in &self.of_word[word] {
                let rule = &self.rules[order];
                let (back, ahead) = rule.text.reach.unwrap_or(REACH);
                let from = floor(text, at.start.saturating_sub(back));
                let to = floor(text, (at.end + ahead).min(text.len()));
                rule.search(order, text, from..to, &mut hits);
            }
        });
        for &order in &self.everywhere {
            self.rules[order].search(order, text, 0..text.len(), &mut hits);
        }
        hits
    }
}

/// The character boundary at or before `i`.
fn floor(text: &str, mut i: usize) -> usize {
    while !text.is_char_boundary(i) {
        i -= 1;
    }
    i
}

impl Rule {
    /// Adds what the expression matches inside a window and the validator lets through. What lies around the window is
    /// seen by look-around.
    fn search(&self, order: usize, text: &str, window: Range<usize>, hits: &mut Vec<Hit>) {
        let Some((regex, groups)) = &self.regex else { return };
        let mut captures: Option<Captures> = None;
        let mut at = window.start;
        while at <= window.end {
            let input = Input::new(text).range(at..window.end);
            // Most windows hold nothing: asking that is cheaper than asking where.
            if captures.is_none() && !regex.is_match(input.clone()) {
                return;
            }
            let captures = captures.get_or_insert_with(|| regex.create_captures());
            regex.search_captures(&input, captures);
            let Some(whole) = captures.get_match() else { return };
            let (start, end) = (whole.start(), whole.end());
            let group = groups.iter().find_map(|&g| captures.get_group(g));
            let value = group.map_or(start..end, |s| s.start..s.end);
            at = if end > start { end } else { next_char(text, end) };
            if let Some(stop) = self.validate(order, text, value, hits) {
                // A look-behind of the next match may need what this one's tail consumed.
                at = at.min(stop.max(start + 1));
                while !text.is_char_boundary(at) {
                    at += 1;
                }
            }
        }
    }

    /// Adds a match that the validator lets through; returns its end.
    fn validate(&self, order: usize, text: &str, at: Range<usize>, hits: &mut Vec<Hit>) -> Option<usize> {
        let valid = self.validator.check(&Candidate { text, start: at.start, end: at.end })?;
        hits.push(Hit {
            start: valid.start,
            end: valid.end,
            kind: self.text.kind,
            value: valid.value,
            confidence: valid.confidence,
            priority: self.text.priority,
            order,
        });
        Some(valid.end)
    }
}

fn next_char(text: &str, at: usize) -> usize {
    text[at.min(text.len())..].chars().next().map_or(text.len() + 1, |c| at + c.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_rules_pass_their_examples() {
        let failures: Vec<String> =
            Rules::bundled().unwrap().check().iter().map(ToString::to_string).collect();
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    fn check(text: &str, expect: &[(&str, &str, &str)]) {
        let hits = Rules::bundled().unwrap().find(text);
        let got: Vec<_> = hits.iter().map(|h| (h.kind.as_str(), h.value.as_str(), h.text.as_str())).collect();
        assert_eq!(got, expect, "{text}");
        for h in &hits {
            assert!(h.kind == EntityType::Card || h.span.slice(text) == Some(h.text.as_str()));
        }
    }

    #[test]
    fn posts_in_three_languages() {
        check(
            "продам логи, тг: @logi_demo, цена 12 $, тест на hxxp://203.0.113[.]7/a",
            &[
                ("telegram", "logi_demo", "logi_demo"),
                ("price", "12 USD", "12 $"),
                ("url", "http://203.0.113.7/a", "hxxp://203.0.113[.]7/a"),
            ],
        );
        check(
            "IP Killer 2.0发布，800元一个月，QQ：100010086，C2是203。0。113。77",
            &[
                ("price", "800 CNY", "800元"),
                ("qq", "100010086", "100010086"),
                ("ipv4", "203.0.113.77", "203。0。113。77"),
            ],
        );
        check(
            "dump 4111 1111 1111 1111 and sales@mail.example",
            &[
                ("card", "411111••••••1111", "4111 11•• •••• 1111"),
                ("email", "sales@mail.example", "sales@mail.example"),
            ],
        );
    }

    #[test]
    fn one_reading_for_each_place() {
        check("https://t.me/plastik_cc_demo", &[("telegram", "plastik_cc_demo", "plastik_cc_demo")]);
        check("198.51.100.0/24", &[("cidr", "198.51.100.0/24", "198.51.100.0/24")]);
        check("jabber vor@xmpp.example", &[("jabber", "vor@xmpp.example", "vor@xmpp.example")]);
    }

    #[test]
    fn packs_say_what_is_wrong() {
        let rule = |body: &str| format!("[[rule]]\nname='x'\ntype='md5'\ndescription=''\n{body}");
        for (text, expect) in [
            ("[[rule]]\nnme='x'", "unknown field `nme`"),
            (&rule("pattern='('"), "unclosed group"),
            (&rule("pattern='a'\nvalidator='moon'"), "unknown validator 'moon'"),
        ] {
            let error = Rules::parse("mine.toml", text).unwrap_err().to_string();
            assert!(error.contains(expect) && error.contains("mine.toml"), "{error}");
        }
    }
}
