//! What a selector file finds on a page, told to whoever writes it.

use super::super::dom::All;
use super::super::{Document, Engine, Kind, Reader, Reading, dom};
use super::Selectors;
use super::pick::Pick;
use scraper::ElementRef;

/// How often a selector of the file matches a page.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Matches {
    /// Where in the file.
    pub key: &'static str,
    /// Elements that it matches; of selectors inside a row, rows in which it does.
    pub count: usize,
    /// Rows in which it could.
    pub of: Option<usize>,
}

/// What a selector file finds on a page.
#[derive(Debug)]
pub struct Check {
    /// What is read.
    pub reading: Reading,
    /// How often each selector matches.
    pub matches: Vec<Matches>,
    /// What is wrong, in words.
    pub warnings: Vec<String>,
}

impl Selectors {
    /// Reads a page and tells what each selector found.
    pub fn check(&self, document: &Document, reader: &Reader) -> Check {
        let reading = self.read(document, reader);
        let html = dom::page(&document.body);
        let root = html.root_element();
        let mut matches = Vec::new();
        let mut whole = |key, selector: Option<&dom::Select>| {
            if let Some(selector) = selector {
                matches.push(Matches { key, count: root.all(selector).count(), of: None });
            }
        };
        let pick = |p: &Option<Pick>| p.as_ref().and_then(|p| p.selector.clone());
        whole("page.forum", pick(&self.forum).as_ref());
        whole("page.member", pick(&self.member).as_ref());
        whole("page.title", pick(&self.title).as_ref());
        whole("page.crumbs", self.crumbs.as_ref());
        whole("page.next", self.next.as_ref());
        let within = |row: &dom::Select, found: &dyn Fn(ElementRef<'_>) -> bool| {
            let rows: Vec<ElementRef<'_>> = root.all(row).collect();
            (rows.iter().filter(|r| found(**r)).count(), rows.len())
        };
        let mut put = |key, (count, of): (usize, usize)| {
            if of > 0 {
                matches.push(Matches { key, count, of: Some(of) });
            }
        };
        let has = |s: &dom::Select, r: ElementRef<'_>| dom::first(r, s).is_some();
        if let Some(b) = &self.boards {
            put("board.link", within(&b.row, &|r| has(&b.link, r)));
            for (key, p) in
                [("board.threads", &b.threads), ("board.posts", &b.posts), ("board.last", &b.last)]
            {
                if let Some(p) = p {
                    put(key, within(&b.row, &|r| p.of(r).is_some()));
                }
            }
        }
        let t = &self.threads;
        put("thread.link", within(&t.row, &|r| has(&t.link, r)));
        for (key, p) in [("thread.replies", &t.replies), ("thread.posts", &t.posts), ("thread.last", &t.last)]
        {
            if let Some(p) = p {
                put(key, within(&t.row, &|r| p.of(r).is_some()));
            }
        }
        let p = &self.posts;
        put("post.id", within(&p.row, &|r| p.id.of(r).is_some()));
        put("post.author", within(&p.row, &|r| p.author.of(r).is_some()));
        put("post.time", within(&p.row, &|r| p.time.of(r).is_some()));
        put("post.body", within(&p.row, &|r| has(&p.body, r)));
        for (key, s) in [("post.quote", &p.quote), ("post.drop", &p.drop), ("post.mention", &p.mention)] {
            put(key, within(&p.row, &|r| has(s, r)));
        }
        let warnings = self.warnings(&reading, &matches);
        Check { reading, matches, warnings }
    }

    fn warnings(&self, reading: &Reading, matches: &[Matches]) -> Vec<String> {
        let mut out = Vec::new();
        if !reading.access.is_open() {
            out.push(format!("the page does not show what was asked for: {:?}", reading.access));
        }
        match reading.kind {
            None => out.push("no pattern of [address] matches the address of the page".into()),
            Some(Kind::Index) if reading.boards.is_empty() && reading.threads.is_empty() => {
                out.push("a front page, but board.row and thread.row find nothing".into());
            }
            Some(Kind::Board) if reading.threads.is_empty() && reading.boards.is_empty() => {
                out.push("a board, but thread.row finds no thread".into());
            }
            Some(Kind::Thread) if reading.posts.is_empty() => {
                out.push("a thread, but post.row finds no post".into());
            }
            Some(_) => {}
        }
        // What not every row has (a quote, a pinned thread) is no fault.
        const USUAL: [&str; 3] = ["post.quote", "post.drop", "post.mention"];
        for m in matches {
            if m.count == 0 && m.of.is_some_and(|n| n > 0) && !USUAL.contains(&m.key) {
                out.push(format!("{} matches in none of {} rows", m.key, m.of.unwrap_or(0)));
            }
        }
        for p in &reading.posts {
            let id = p.record.id.as_deref().unwrap_or("?");
            if p.record.author.is_none() {
                out.push(format!("post {id} has no author (post.author)"));
            }
            if let Some(shown) = &p.unread_time {
                out.push(format!("post {id}: time {shown:?} is not understood (post.time; give a format)"));
            }
        }
        out.extend(reading.problems.iter().cloned());
        out
    }
}
