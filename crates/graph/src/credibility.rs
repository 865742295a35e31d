//! Where a threat event stands over time, and how far it can be believed: named parts with the posts that they rest on.
//!
//! Both are read off the mentions and the sentences around their triggers, in the words of three languages; nothing is
//! stored, so that better rules need no new analysis.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use tm_model::{EventType, Family, Modality, Timestamp};

/// A mention of a threat event with its words.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement<'a> {
    /// The post.
    pub post: i64,
    /// Its author.
    pub account: Option<i64>,
    /// Its forum.
    pub forum: i64,
    /// Its time.
    pub time: Option<Timestamp>,
    /// Type.
    pub kind: EventType,
    /// How the author stands to it.
    pub modality: Modality,
    /// The sentence around the trigger.
    pub sentence: &'a str,
    /// The whole text of the post.
    pub text: &'a str,
    /// True when the post holds a hash, a link or another indicator that can be checked.
    pub checkable: bool,
}

/// From `time` on the event stands so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stand {
    /// Since when.
    pub time: Option<Timestamp>,
    /// `planned`, `claimed`, `happening`, `done`, `discussed` or `denied`.
    pub status: &'static str,
    /// The post that says so.
    pub post: i64,
}

/// Words of who claims a deed.
const CLAIMED: &[&str] = &[
    "claim",
    "credit",
    "we did",
    "by us",
    "responsib",
    "взяли на себя",
    "заявил",
    "наша работа",
    "声称",
    "宣称",
    "认领",
    "我们干的",
];
/// Words of what is over.
const DONE: &[&str] = &[
    "back up",
    "back online",
    "is back",
    "restored",
    "recovered",
    "over now",
    "sold out",
    "sold,",
    "is sold",
    "sold.",
    "closed",
    "no longer",
    "arrested",
    "seized",
    "sinkholed",
    "продано",
    "продана",
    "закрыт",
    "поднял",
    "восстанов",
    "ушла",
    "задержан",
    "изъят",
    "конфискова",
    "恢复",
    "已出",
    "售出",
    "已修复",
    "结束",
    "抓获",
    "被抓",
    "端了",
];
/// Words of what is offered as proof.
const PROOF: &[&str] = &[
    "sample",
    "screenshot",
    "screen shot",
    "proof",
    "poc",
    "video",
    "escrow",
    "guarantor",
    "middleman",
    "vouch",
    "confirmed",
    "verified",
    "checked",
    "скрин",
    "пруф",
    "сэмпл",
    "семпл",
    "видео",
    "гарант",
    "отзыв",
    "проверил",
    "подтвержд",
    "截图",
    "样本",
    "样例",
    "视频",
    "担保",
    "实测",
    "复现",
    "验货",
    "证实",
];
/// Words of who doubts.
const DOUBT: &[&str] = &[
    "fake",
    "scam",
    "ripper",
    "bullshit",
    "not real",
    "false",
    "lie",
    "old data",
    "already posted",
    "repost",
    "leftover",
    "фейк",
    "кидал",
    "скам",
    "развод",
    "старая база",
    "баян",
    "боян",
    "рипак",
    "假的",
    "骗子",
    "跑路",
    "洗烂",
    "旧数据",
    "造谣",
];
/// Words of what was there before.
const OLD: &[&str] = &[
    "repost",
    "re-upload",
    "reupload",
    "old ",
    "leftover",
    "again",
    "from 2019",
    "from 2020",
    "from 2021",
    "header renamed",
    "same md5",
    "баян",
    "боян",
    "рипак",
    "старая",
    "перезалив",
    "洗烂",
    "旧",
    "搬运",
    "转载",
];

fn says(text: &str, words: &[&str]) -> bool {
    let lower = text.to_lowercase();
    words.iter().any(|w| lower.contains(w))
}

/// Days after the first report of an attack or an incident from which on it is talked about rather than under way.
const FRESH: i64 = 3;

/// Where the event stands, one entry for each change. `statements` by time.
pub fn status_over_time(statements: &[Statement<'_>]) -> Vec<Stand> {
    let mut stands: Vec<Stand> = Vec::new();
    let mut first: Option<Timestamp> = None;
    let author = statements.first().and_then(|s| s.account);
    for s in statements {
        let stands_now = matches!(s.modality, Modality::Asserted);
        if stands_now {
            first = first.or(s.time);
        }
        let days = match (s.time, first) {
            (Some(now), Some(then)) => (now.0 - then.0) / 86_400,
            _ => 0,
        };
        let status = match s.modality {
            Modality::Planned => "planned",
            Modality::Negated => "denied",
            Modality::Asked | Modality::Hypothetical => "discussed",
            Modality::Asserted if says(s.sentence, DONE) => "done",
            // The police act, the flaw is known: such things are done when they are told.
            Modality::Asserted if matches!(s.kind, EventType::Takedown | EventType::Patch) => "done",
            Modality::Asserted if s.kind.family() == Family::Attack && says(s.sentence, CLAIMED) => "claimed",
            // An offer stands while its seller repeats it.
            Modality::Asserted if matches!(s.kind.family(), Family::Trade | Family::Spread) => {
                if s.account.is_some() && s.account == author { "happening" } else { "discussed" }
            }
            Modality::Asserted if days > FRESH => "discussed",
            Modality::Asserted => "happening",
        };
        // Talk does not end what stands: it is noted only when nothing else is known.
        let talk = status == "discussed"
            && !stands.is_empty()
            && (days <= FRESH || stands.iter().any(|e| e.status == "discussed"));
        if !talk && stands.last().is_none_or(|e| e.status != status) {
            stands.push(Stand { time: s.time, status, post: s.post });
        }
    }
    stands
}

/// A named part of the credibility.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// Name.
    pub name: &'static str,
    /// 0 to 1.
    pub value: f64,
    /// Share of the whole; the shares add up to 1.
    pub weight: f64,
    /// In words.
    pub note: String,
    /// Posts that it rests on, at most [`POSTS`].
    pub posts: Vec<i64>,
}

/// How far an event can be believed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Credibility {
    /// The sum of value times weight over the parts.
    pub value: f64,
    /// Its parts.
    pub parts: Vec<Part>,
}

/// Posts named for a part.
pub const POSTS: usize = 8;

/// How far an event can be believed. `standing` gives an account's score as a key hacker, 0 to 1; `earlier` is the number of
/// threat events known before that name the same things.
pub fn credibility(
    statements: &[Statement<'_>],
    standing: &dyn Fn(i64) -> Option<f64>,
    earlier: usize,
) -> Credibility {
    let few = |posts: BTreeSet<i64>| posts.into_iter().take(POSTS).collect::<Vec<i64>>();
    let assert = |s: &&Statement<'_>| matches!(s.modality, Modality::Asserted | Modality::Planned);
    let best = statements
        .iter()
        .filter(assert)
        .filter_map(|s| Some((standing(s.account?)?, s)))
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.post.cmp(&a.1.post)));
    let mut parts = vec![Part {
        name: "standing",
        // Scores of key hackers lie well below 1; half a point is the top of a large forum.
        value: best.as_ref().map_or(0.0, |b| (b.0 / 0.5).clamp(0.0, 1.0)),
        weight: 0.25,
        note: best.as_ref().map_or_else(
            || "nobody who asserts it is ranked".into(),
            |b| format!("best-ranked author who asserts it has a score of {:.2}", b.0),
        ),
        posts: best.map(|b| b.1.post).into_iter().collect(),
    }];

    let head = statements.first().and_then(|s| s.account);
    let mut voices: BTreeMap<i64, &Statement<'_>> = BTreeMap::new();
    for s in statements.iter().filter(assert) {
        if let Some(account) = s.account.filter(|a| Some(*a) != head) {
            voices.entry(account).or_insert(s);
        }
    }
    let home = statements.first().map(|s| s.forum);
    let abroad: BTreeSet<i64> = voices.values().map(|s| s.forum).filter(|f| Some(*f) != home).collect();
    parts.push(Part {
        name: "corroboration",
        value: 1.0 - 0.6f64.powi(voices.len() as i32) * 0.7f64.powi(abroad.len() as i32),
        weight: 0.30,
        note: format!("{} further accounts assert it, on {} further forums", voices.len(), abroad.len()),
        posts: few(voices.values().map(|s| s.post).collect()),
    });

    let shown: BTreeSet<i64> = statements.iter().filter(|s| says(s.text, PROOF)).map(|s| s.post).collect();
    let checkable: BTreeSet<i64> = statements.iter().filter(|s| s.checkable).map(|s| s.post).collect();
    let both: BTreeSet<i64> = shown.union(&checkable).copied().collect();
    parts.push(Part {
        name: "proof",
        value: 1.0 - 0.5f64.powi(shown.len().min(3) as i32) * 0.7f64.powi(checkable.len().min(3) as i32),
        weight: 0.25,
        note: format!(
            "{} posts speak of samples, tests or guarantors, {} hold something that can be checked",
            shown.len(),
            checkable.len()
        ),
        posts: few(both),
    });

    let old: BTreeSet<i64> = statements.iter().filter(|s| says(s.sentence, OLD)).map(|s| s.post).collect();
    let known = f64::from(u32::from(earlier > 0)) * 0.5;
    parts.push(Part {
        name: "novelty",
        value: (1.0 - known) * 0.6f64.powi(old.len().min(4) as i32),
        weight: 0.10,
        note: format!("{earlier} earlier events name the same, {} posts call it old", old.len()),
        posts: few(old),
    });

    let doubt: BTreeSet<i64> = statements
        .iter()
        .filter(|s| s.modality == Modality::Negated || (s.account != head && says(s.sentence, DOUBT)))
        .map(|s| s.post)
        .collect();
    parts.push(Part {
        name: "undisputed",
        value: 0.5f64.powi(doubt.len().min(4) as i32),
        weight: 0.10,
        note: format!("{} posts deny or doubt it", doubt.len()),
        posts: few(doubt),
    });
    for p in &mut parts {
        p.value = (p.value * 1e3).round() / 1e3;
    }
    let value = parts.iter().map(|p| p.value * p.weight).sum::<f64>();
    Credibility { value: (value * 1e3).round() / 1e3, parts }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(
        post: i64,
        account: i64,
        day: i64,
        modality: Modality,
        sentence: &'static str,
    ) -> Statement<'static> {
        Statement {
            post,
            account: Some(account),
            forum: account % 2,
            time: Some(Timestamp(1_750_000_000 + day * 86_400)),
            kind: EventType::Ddos,
            modality,
            sentence,
            text: sentence,
            checkable: false,
        }
    }

    #[test]
    fn an_attack_from_announcement_to_aftermath() {
        use Modality::{Asked, Asserted, Negated, Planned};
        let list = [
            say(1, 1, 0, Planned, "Tomorrow we take them down"),
            say(2, 2, 1, Asserted, "it is down since noon"),
            say(3, 3, 1, Asserted, "the group claimed it in their channel"),
            say(4, 4, 1, Asked, "who did it?"),
            say(5, 2, 2, Asserted, "сайт восстановили"),
            say(6, 5, 9, Asserted, "remember that attack"),
            say(7, 5, 9, Negated, "it never was one"),
        ];
        let stands: Vec<(&str, i64)> = status_over_time(&list).iter().map(|s| (s.status, s.post)).collect();
        assert_eq!(
            stands,
            [("planned", 1), ("happening", 2), ("claimed", 3), ("done", 5), ("discussed", 6), ("denied", 7)]
        );
    }

    #[test]
    fn independent_voices_and_proof_raise_it_doubt_lowers_it() {
        use Modality::Asserted;
        let alone = [say(1, 1, 0, Asserted, "we hacked them")];
        let backed = [
            alone[0].clone(),
            say(2, 2, 0, Asserted, "sample checks out"),
            say(3, 3, 0, Asserted, "confirmed by the company"),
        ];
        let doubted = [alone[0].clone(), say(2, 2, 0, Asserted, "fake, old data")];
        let value = |s: &[Statement<'_>]| credibility(s, &|a| (a == 1).then_some(0.25), 0).value;
        assert!(value(&backed) > value(&alone) + 0.2, "{} {}", value(&backed), value(&alone));
        let c = credibility(&doubted, &|_| None, 1);
        assert!(c.parts.iter().any(|p| p.name == "undisputed" && p.value == 0.5 && p.posts == [2]));
        let sum: f64 = c.parts.iter().map(|p| p.value * p.weight).sum();
        assert!((sum - c.value).abs() < 1e-3);
        let weights: f64 = c.parts.iter().map(|p| p.weight).sum();
        assert!((weights - 1.0).abs() < 1e-9);
        // Repetition by the same author corroborates nothing.
        let repeated = [alone[0].clone(), say(9, 1, 1, Asserted, "we hacked them")];
        assert_eq!(value(&repeated), value(&alone));
    }
}
