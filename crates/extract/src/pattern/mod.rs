//! Pattern rules with validators: indicators, contacts, prices.
//!
//! Rules are data (`rules/*.toml`), each with its own examples; what a regular expression cannot say (checksums,
//! public suffixes, context) is said by a validator.

mod fold;
mod validate;

use fold::Folded;
use regex::Regex;
use serde::Deserialize;
use std::collections::HashSet;
use tm_model::{CharIndex, EntityHit, EntityType, Source, Span, mask_card};
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
    pattern: String,
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

fn one() -> u8 {
    1
}

#[derive(Debug)]
struct Rule {
    file: String,
    text: RuleText,
    regex: Regex,
    validator: Validator,
}

/// A compiled set of rules.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<Rule>,
}

/// Spellings of a dot in defanged text.
const DOT: &str = r"(?:\s?\[\.\]\s?|\s?\(\.\)\s?|\s?\{\.\}\s?|\s?[\[({]\s?(?:dot|точка|点)\s?[\])}]\s?|\\\.|\[\.|\.\]| dot |\.)";
const AT: &str = r"(?:\s?\[\s?@\s?\]\s?|\s?\(\s?@\s?\)\s?|\s?[\[({]\s?(?:at|собака)\s?[\])}]\s?| at |@)";
const COLON: &str = r"(?:\[:\]|\(:\)|:)";
const SCHEME: &str = r"(?:(?:h(?:tt|xx|\*\*|XX|tx|xt)ps?|fxps?|ftps?|socks[45]|wss?|tcp)(?:\[:\]//|\[://\]|\(:\)//|:\[//\]|://|:\\\\|__))";

/// The packs that come with the program, by file name.
const BUNDLED: [(&str, &str); 4] = [
    ("contacts.toml", include_str!("../../../../rules/contacts.toml")),
    ("network.toml", include_str!("../../../../rules/network.toml")),
    ("files.toml", include_str!("../../../../rules/files.toml")),
    ("wallets.toml", include_str!("../../../../rules/wallets.toml")),
];

impl Rules {
    /// The rules that come with the program.
    ///
    /// # Errors
    /// [`RulesError`] when one of them is wrong, which a test rules out.
    pub fn bundled() -> Result<Rules, RulesError> {
        let mut rules = Rules { rules: Vec::new() };
        for (file, text) in BUNDLED {
            rules.add(file, text)?;
        }
        Ok(rules)
    }

    /// Rules of one pack alone.
    ///
    /// # Errors
    /// [`RulesError`] with file and rule.
    pub fn parse(file: &str, text: &str) -> Result<Rules, RulesError> {
        let mut rules = Rules { rules: Vec::new() };
        rules.add(file, text)?;
        Ok(rules)
    }

    fn add(&mut self, file: &str, text: &str) -> Result<(), RulesError> {
        let pack: Pack = toml::from_str(text)
            .map_err(|e| RulesError::Syntax { file: file.into(), reason: e.to_string() })?;
        let mut names: HashSet<String> = self.rules.iter().map(|r| r.text.name.clone()).collect();
        for text in pack.rule {
            let bad =
                |reason: String| RulesError::Rule { file: file.into(), rule: text.name.clone(), reason };
            if !names.insert(text.name.clone()) {
                return Err(bad("the name is taken".into()));
            }
            let pattern = text
                .pattern
                .replace("{DOT}", DOT)
                .replace("{AT}", AT)
                .replace("{COLON}", COLON)
                .replace("{SCHEME}", SCHEME)
                .replace("{B}", r"(?-u:\b)");
            let regex = Regex::new(&pattern).map_err(|e| bad(e.to_string()))?;
            let name = text.validator.as_deref().unwrap_or("any");
            let validator = Validator::by_name(name).ok_or_else(|| {
                bad(format!("unknown validator '{name}', known are: {}", Validator::names()))
            })?;
            self.rules.push(Rule { file: file.into(), regex, validator, text });
        }
        Ok(())
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
        for rule in &self.rules {
            let fail = |reason: String| RulesError::Rule {
                file: rule.file.clone(),
                rule: rule.text.name.clone(),
                reason,
            };
            let found = |text: &str| {
                let folded = Folded::new(text);
                let mut hits = Vec::new();
                rule.collect(0, &folded, &mut hits);
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
        let mut hits = Vec::new();
        for (order, rule) in self.rules.iter().enumerate() {
            rule.collect(order, &folded, &mut hits);
        }
        // Priority, then length, then order of the rules decides between overlapping ones.
        let rank = |h: &Hit| (u8::MAX - h.priority, usize::MAX - (h.end - h.start), h.order, h.start);
        hits.sort_by_key(rank);
        let mut taken: Vec<Hit> = Vec::with_capacity(hits.len());
        for hit in hits {
            if !taken.iter().any(|t| t.start < hit.end && hit.start < t.end) {
                taken.push(hit);
            }
        }
        taken.sort_by_key(|h| h.start);
        let index = CharIndex::new(text);
        taken
            .into_iter()
            .map(|h| {
                let bytes = folded.original(h.start..h.end);
                let span: Span = index.span(bytes.clone());
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

impl Rule {
    fn collect(&self, order: usize, folded: &Folded<'_>, hits: &mut Vec<Hit>) {
        let text = folded.text();
        let mut at = 0;
        while at <= text.len() {
            let Some(captures) = self.regex.captures_at(text, at) else { break };
            let Some(whole) = captures.get(0) else { break };
            let value = captures.name("v").or_else(|| captures.name("w")).unwrap_or(whole);
            at = if whole.end() > whole.start() { whole.end() } else { next_char(text, whole.end()) };
            let candidate = Candidate { text, start: value.start(), end: value.end() };
            if let Some(valid) = self.validator.check(&candidate) {
                // A look-behind of the next match may need what this one's tail consumed.
                at = at.min(valid.end.max(whole.start() + 1));
                while !text.is_char_boundary(at) {
                    at += 1;
                }
                hits.push(Hit {
                    start: valid.start,
                    end: valid.end,
                    kind: self.text.kind,
                    value: valid.value,
                    confidence: valid.confidence,
                    priority: self.text.priority,
                    order,
                });
            }
        }
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
