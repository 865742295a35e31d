use super::file::PickForm;
use super::*;
use tm_model::Timestamp;

/// The example of the manual: what it says is tested.
fn example() -> Selectors {
    let manual = include_str!("../../../../../docs/selectors.md");
    let file = manual.split("```toml\n").nth(1).unwrap().split("\n```").next().unwrap();
    Selectors::parse(file).unwrap()
}

fn document(address: &str, body: &str) -> Document {
    Document {
        url: Url::parse(address).unwrap(),
        status: 200,
        headers: Vec::new(),
        body: body.into(),
        fetched: Timestamp(1_795_450_020),
    }
}

const THREAD: &str = r#"<html><body><h1 class="logo">Night Pier</h1>
    <div class="path"><a href="/section/4">Access</a></div><h2 class="topic-title">RDP, bulk</h2>
    <div class="msg" data-msg="71"><b class="nick"><a href="/u/3">vega</a></b><span class="date">12.03.2025 18:30</span>
      <div class="text"><div class="cite"><i>nix</i><a href="/topic/9?from=0#m70">#</a>price?</div>100 hosts<br>@<a class="at" href="/u/5">mira</a>
      <small class="edit">changed</small></div><div class="sig">icq</div></div>
    <div class="msg" data-msg="72"><b class="nick">passer-by</b><span class="date">вчера, 14:02</span><div class="text">vouch</div></div>
    <div class="pages"><a href="/topic/9?from=20&amp;sid=abc">2</a></div></body></html>"#;

#[test]
fn a_thread_by_the_example_of_the_manual() {
    let s = example();
    let r = s.read(&document("http://pier.example/topic/9?sid=77", THREAD), &Reader::default());
    assert_eq!((r.forum.as_deref(), r.kind, r.posts.len()), (Some("Night Pier"), Some(Kind::Thread), 2));
    let p = &r.posts[0].record;
    assert_eq!(p.text, "100 hosts\n@mira");
    assert_eq!(
        (p.author.as_deref(), p.id.as_deref(), p.board.as_deref(), p.title.as_deref(), p.thread.as_deref()),
        (Some("vega"), Some("71"), Some("Access"), Some("RDP, bulk"), Some("9"))
    );
    // The board is three hours ahead.
    assert_eq!(p.time.unwrap().to_string(), "2025-03-12T15:30:00Z");
    assert_eq!(p.quotes, [QuoteTarget { post: Some("70".into()), author: Some("nix".into()) }]);
    assert_eq!(p.mentions, ["mira"]);
    assert!(!r.posts[0].unregistered && r.posts[1].unregistered);
    let next = r.next.unwrap();
    assert_eq!((next.page, next.url.as_str()), (21, "http://pier.example/topic/9?from=20"));
    assert_eq!(s.canonical(&Url::parse("http://pier.example/topic/9?from=0").unwrap()).unwrap().page, 1);
    assert_eq!(s.canonical(&Url::parse("http://pier.example/u/3").unwrap()), None);
}

#[test]
fn lists_and_refusals_by_the_example() {
    let s = example();
    let r = s.read(
        &document(
            "http://pier.example/",
            r#"<ul><li class="section"><a class="name" href="/section/4">Access</a><em class="topics">12</em><em class="msgs">1,204</em>
            <em class="last">12.03.2025 18:30</em></li><li class="section"><a class="name" href="https://elsewhere.example/">Partner</a></li></ul>"#,
        ),
        &Reader::default(),
    );
    assert_eq!((r.boards.len(), r.boards[0].threads, r.boards[0].posts), (2, Some(12), Some(1204)));
    assert!(r.boards[1].elsewhere);
    let r = s.read(
        &document(
            "http://pier.example/section/4",
            r#"<table><tr class="topic pinned"><td><a class="name" href="/topic/9?sid=3">RDP, bulk</a></td><td class="answers">41</td><td class="last">12.03.2025 18:30</td></tr></table>"#,
        ),
        &Reader::default(),
    );
    let t = &r.threads[0];
    assert_eq!((t.posts, t.sticky, t.target.url.as_str()), (Some(42), true, "http://pier.example/topic/9"));
    let r = s.read(
        &document(
            "http://pier.example/section/8",
            r#"<form action="/enter"><input name="nick"><input type="password" name="pass"></form>"#,
        ),
        &Reader::default(),
    );
    assert_eq!(r.access, Access::LoginNeeded);
    let form = s
        .login(&document("http://pier.example/enter", r#"<form action="/enter"><input name="nick"><input type="password" name="pass"><input type="hidden" name="t" value="9"></form>"#), "vega", "x")
        .unwrap();
    assert_eq!((form.action.as_str(), form.fields.len()), ("http://pier.example/enter", 3));
}

#[test]
fn a_check_says_what_is_wrong() {
    let s = example();
    let good = s.check(&document("http://pier.example/topic/9", THREAD), &Reader::default());
    assert_eq!(good.warnings, [] as [&str; 0]);
    assert!(good.matches.iter().any(|m| m.key == "post.author" && (m.count, m.of) == (2, Some(2))));
    let broken = THREAD.replace("class=\"nick\"", "class=\"who\"").replace("вчера, 14:02", "at noon");
    let bad = s.check(&document("http://pier.example/topic/9", &broken), &Reader::default());
    let all = bad.warnings.join("\n");
    for part in
        ["post.author matches in none of 2 rows", "post 71 has no author", "\"at noon\" is not understood"]
    {
        assert!(all.contains(part), "{part} in {all}");
    }
    let none = s.check(&document("http://pier.example/section/4", "<p>new skin"), &Reader::default());
    assert!(none.warnings[0].contains("thread.row finds no thread"), "{:?}", none.warnings);
}

#[test]
fn files_that_cannot_be_used_say_where() {
    let base = include_str!("../../../../../docs/selectors.md");
    let base = base.split("```toml\n").nth(1).unwrap().split("\n```").next().unwrap();
    for (from, to, part) in [
        ("row = \"div.msg\"", "row = \"div..msg\"", "post.row"),
        ("name = \"night-pier\"", "name = \"night-pier\"\ncolour = 1", "colour"),
        ("/topic/(?<id>\\d+)", "/topic/(\\d+)", "address.thread"),
        ("zone = \"+03:00\"", "zone = \"Moscow\"", "zone"),
        ("pattern = 'm(\\d+)'", "pattern = 'm(\\d+'", "post.quote_post"),
        ("body = \".text\"", "words = \".text\"", "words"),
    ] {
        assert!(base.contains(from), "{from}");
        let error = Selectors::parse(&base.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn times_by_format_and_by_number() {
    let page = dom::page("<i data-t='1767596400123'>x</i><b>2026/01/05 10h00</b><u>1767596400</u>");
    let clock = Clock { now: Timestamp(0), offset: 10800, day_first: None };
    let time = |selector: &str, attribute: Option<&str>, format: Option<&str>| {
        let form = PickForm {
            selector: selector.into(),
            attribute: attribute.map(str::to_owned),
            pattern: None,
            format: format.map(str::to_owned),
        };
        pick("x", form).unwrap().time(page.root_element(), &clock).0
    };
    assert_eq!(time("i", Some("data-t"), None), Some(Timestamp(1_767_596_400)));
    assert_eq!(time("u", None, None), Some(Timestamp(1_767_596_400)));
    assert_eq!(time("b", None, Some("%Y/%m/%d %Hh%M")), Some(Timestamp(1_767_596_400)));
    assert_eq!(time("b", None, Some("%d.%m.%Y")), None);
}
