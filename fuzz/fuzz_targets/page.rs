//! What the targets of all page parsers do; one target an engine keeps the corpora apart.

use tm_collect::engine::{Document, Engine, Reader, detect, engine};
use tm_model::Timestamp;
use url::Url;

/// Addresses of the kinds of pages, as any engine writes them: a parser must end on each.
const ADDRESSES: [&str; 12] = [
    "http://forum.example/",
    "http://forum.example/viewtopic.php?t=27&start=15",
    "http://forum.example/viewforum.php?f=6",
    "http://forum.example/showthread.php?tid=26&page=2",
    "http://forum.example/index.php?topic=27.15",
    "http://forum.example/forum.php?mod=viewthread&tid=26",
    "http://forum.example/api/topic/27",
    "http://forum.example/threads/words.27/page-2",
    "http://forum.example/showthread.php/27-words",
    "http://forum.example/topic/27-words/",
    "http://forum.example/t/27.json",
    "http://forum.example/api/discussions/27",
];

/// Reads a body as a page of the engine: the first byte picks the address, the rest is the page.
pub fn page(name: &str, data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let Some(engine) = engine(name) else { panic!("no engine is called {name}") };
    let address = ADDRESSES[usize::from(*first) % ADDRESSES.len()];
    let Ok(url) = Url::parse(address) else { return };
    let document = Document {
        url,
        status: 200,
        headers: Vec::new(),
        body: tm_collect::crawl::decode(body, None),
        fetched: Timestamp(1_795_449_800),
    };
    detect(&document);
    read(engine, &document);
}

fn read(engine: &dyn Engine, document: &Document) {
    let reading = engine.read(document, &Reader::default());
    for post in &reading.posts {
        // Nothing is made up: a post's words are no longer than its page, addresses aside.
        assert!(post.record.id.is_some());
    }
    engine.login(document, "name", "password");
    if let Some(next) = reading.next {
        engine.canonical(&next.url);
    }
}
