//! What a hostile forum may try: lead elsewhere, never end, be too large, lock the reader up. And how politely it is visited.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod forum;

use forum::{Forum, Kept, manners, serve, skins};
use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tm_collect::crawl::{
    Answer, CrawlError, Crawler, FetchError, Fetcher, Health, Manners, Plan, Validators,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

type Pages = Arc<dyn Fn(&str, usize) -> Vec<u8> + Send + Sync>;

/// A server that answers each request with bytes of the test's choice: path and how often it was asked for.
async fn raw(pages: Pages) -> (Url, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = log.clone();
    tokio::spawn(async move {
        let mut times: HashMap<String, usize> = HashMap::new();
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            let mut byte = [0u8; 1024];
            while !head.windows(4).any(|w| w == b"\r\n\r\n") {
                match socket.read(&mut byte).await {
                    Ok(n) if n > 0 => head.extend_from_slice(&byte[..n]),
                    _ => break,
                }
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let path = head.split(' ').nth(1).unwrap_or("").to_owned();
            kept.lock().unwrap().push(head.clone());
            let nth = times.entry(path.clone()).or_default();
            *nth += 1;
            let answer = pages(&path, *nth);
            tokio::spawn(async move {
                let _ = socket.write_all(&answer).await;
                let _ = socket.shutdown().await;
            });
        }
    });
    (url, log)
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut out =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n", body.len())
            .into_bytes();
    out.extend_from_slice(body);
    out
}

fn paths(log: &Mutex<Vec<String>>) -> Vec<String> {
    log.lock().unwrap().iter().map(|h| h.split(' ').nth(1).unwrap_or("").to_owned()).collect()
}

async fn get(pages: Pages, manners: Manners, path: &str) -> Result<Answer, FetchError> {
    let (url, _) = raw(pages).await;
    let fetcher = Fetcher::new(&url, Manners { robots: false, ..manners }, &[]).unwrap();
    fetcher.get(&url.join(path).unwrap(), &Validators::default()).await
}

#[tokio::test]
async fn redirects_stay_on_the_host_that_was_named() {
    for away in [
        "http://127.0.0.2:1/",
        "http://elsewhere.example/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://017700000001/",
        "//169.254.169.254/latest/meta-data/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
    ] {
        let to = away.to_owned();
        let pages: Pages = Arc::new(move |_, _| http("302 Found", &format!("location: {to}\r\n"), b""));
        let error = get(pages, manners(), "/").await.unwrap_err();
        assert!(matches!(error, FetchError::Elsewhere { .. }), "{away}: {error}");
    }
    let around: Pages = Arc::new(|path, _| {
        let n: u32 = path.trim_start_matches('/').parse().unwrap_or(0);
        http("302 Found", &format!("location: /{}\r\n", n + 1), b"")
    });
    let (url, log) = raw(around).await;
    let fetcher = Fetcher::new(&url, Manners { robots: false, ..manners() }, &[]).unwrap();
    let error = fetcher.get(&url, &Validators::default()).await.unwrap_err();
    assert!(matches!(error, FetchError::Redirects(_)), "{error}");
    assert!(log.lock().unwrap().len() <= 10, "{:?}", paths(&log));
    // An address that cannot be read ends it as well.
    let odd: Pages = Arc::new(|_, _| http("302 Found", "location: http://[::1\r\n", b""));
    assert!(get(odd, manners(), "/").await.is_err());
}

#[tokio::test]
async fn links_to_other_hosts_are_not_followed() {
    let (url, log) = raw(Arc::new(|path, _| match path {
        "/robots.txt" => http("404 Not Found", "", b""),
        p if p.starts_with("/viewforum.php?f=1") => http(
            "200 OK",
            "content-type: text/html\r\n",
            br#"<body id="phpbb"><li class="row"><dl><a class="topictitle" href="http://10.0.0.1/viewtopic.php?t=5">x</a></dl></li>
            <li class="row"><dl><a class="topictitle" href="http://2130706433/viewtopic.php?t=6">x</a></dl></li>
            <div class="pagination"><a rel="next" href="http://elsewhere.example/viewforum.php?f=1&start=25">Next</a></div>"#,
        ),
        _ => http(
            "200 OK",
            "content-type: text/html\r\n",
            br#"<body id="phpbb"><li class="row"><dl><a class="forumtitle" href="./viewforum.php?f=1">Board</a></dl></li>
            <li class="row"><dl><a class="forumtitle" href="http://[::1]/viewforum.php?f=2">Inside</a></dl></li>
            <script src="http://elsewhere.example/x.js"></script><img src="/pixel.png"><link rel="stylesheet" href="/style.css">"#,
        ),
    }))
    .await;
    let memory = Arc::new(Kept::default());
    let crawler = Crawler::find(&url, manners(), Plan::default()).await.unwrap();
    let report = crawler.run("F", memory, |_| {}).await.unwrap();
    assert_eq!(
        paths(&log),
        ["/robots.txt", "/", "/viewforum.php?f=1"],
        "no script, no picture, no other host: {report:?}"
    );
}

#[tokio::test]
async fn private_addresses_only_when_they_are_named() {
    // `localhost` and addresses are as good as named; a name that leads there is refused (see the resolver's own test).
    let forum = Arc::new(Forum::new());
    let url = serve(forum.clone(), Arc::new(skins::Phpbb)).await;
    assert!(Crawler::find(&url, manners(), Plan::default()).await.is_ok());
    let mut named = url.clone();
    named.set_host(Some("localhost")).unwrap();
    assert!(Crawler::find(&named, manners(), Plan::default()).await.is_ok());
}

#[tokio::test]
async fn sizes_are_bounded_before_and_after_unpacking() {
    let small = Manners { largest: 200_000, ..manners() };
    let huge: Pages = Arc::new(|_, _| http("200 OK", "", &vec![b'a'; 300_000]));
    assert!(matches!(get(huge, small.clone(), "/").await, Err(FetchError::TooLarge { most: 200_000, .. })));
    // A length that lies, and a body that never ends in its chunks.
    let endless: Pages = Arc::new(|_, _| {
        let mut out = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for _ in 0..400 {
            out.extend_from_slice(b"3e8\r\n");
            out.extend_from_slice(&[b'x'; 1000]);
            out.extend_from_slice(b"\r\n");
        }
        out
    });
    assert!(matches!(get(endless, small.clone(), "/").await, Err(FetchError::TooLarge { .. })));
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&vec![0u8; 64 << 20]).unwrap();
    let bomb = packer.finish().unwrap();
    assert!(bomb.len() < 200_000, "the bomb itself is small: {}", bomb.len());
    let pages: Pages =
        Arc::new(move |_, _| http("200 OK", "content-encoding: gzip\r\ncontent-type: text/html\r\n", &bomb));
    assert!(matches!(get(pages, small, "/").await, Err(FetchError::TooLarge { .. })));
}

#[tokio::test]
async fn slow_answers_end() {
    // Headers, a byte, and then nothing for ever.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut some = [0u8; 512];
            let _ = socket.read(&mut some).await;
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n<").await;
            held.push(socket);
        }
    });
    let patient = Manners { patience: Duration::from_millis(200), robots: false, ..manners() };
    let fetcher = Fetcher::new(&url, patient, &[]).unwrap();
    let error = fetcher.get(&url, &Validators::default()).await.unwrap_err();
    assert!(matches!(error, FetchError::NoAnswer { .. }), "{error}");
}

/// A forum without end: each list page leads to the next, each thread page as well, with addresses that grow.
#[tokio::test]
async fn pages_without_end_are_left() {
    let (url, log) = raw(Arc::new(|path, _| {
        let start: u32 = path.split("start=").nth(1).and_then(|s| s.split('&').next()?.parse().ok()).unwrap_or(0);
        let body = if path == "/robots.txt" {
            return http("404 Not Found", "", b"");
        } else if path.starts_with("/viewtopic") {
            format!(
                "<body id=\"phpbb\"><div id=\"p{}\" class=\"post\"><p class=\"author\">by <a class=\"username\">x</a> » <time datetime=\"2026-01-01T00:00:00+00:00\">x</time></p>\
                 <div class=\"content\">{start}</div></div><div class=\"pagination\"><a rel=\"next\" href=\"/viewtopic.php?t=1&start={}&a={}\">Next</a></div>",
                start + 1, start + 1, "x".repeat(start as usize)
            )
        } else if path.starts_with("/viewforum") {
            format!(
                "<body id=\"phpbb\"><li class=\"row\"><dl><a class=\"topictitle\" href=\"/viewtopic.php?t=1&view=x{start}\">x</a></dl></li>\
                 <div class=\"pagination\"><a rel=\"next\" href=\"/viewforum.php?f=1&start={}\">Next</a></div>",
                start + 25
            )
        } else {
            // A calendar: a page for every day, each naming the next.
            "<body id=\"phpbb\"><li class=\"row\"><dl><a class=\"forumtitle\" href=\"/viewforum.php?f=1\">B</a></dl></li><a href=\"/calendar.php?day=1\">tomorrow</a>".into()
        };
        http("200 OK", "content-type: text/html\r\n", body.as_bytes())
    }))
    .await;
    let memory = Arc::new(Kept::default());
    let plan = Plan { deepest: 15, ..Plan::default() };
    let report =
        Crawler::find(&url, manners(), plan).await.unwrap().run("F", memory.clone(), |_| {}).await.unwrap();
    let asked = paths(&log);
    let threads = asked.iter().filter(|p| p.starts_with("/viewtopic")).count();
    let lists = asked.iter().filter(|p| p.starts_with("/viewforum")).count();
    assert!(threads <= 17 && lists <= 16, "{threads} thread pages, {lists} list pages: {report:?}");
    assert!(!asked.iter().any(|p| p.contains("calendar") || p.contains("&a=")), "{asked:?}");
    assert!(report.problems.iter().any(|p| p.contains("more than 15 pages")), "{:?}", report.problems);
    assert_eq!(memory.posts.lock().unwrap().len(), threads);
}

/// Behind the last page the last page again, under ever new addresses.
#[tokio::test]
async fn a_page_that_repeats_itself_is_the_last() {
    let (url, log) = raw(Arc::new(|path, _| {
        let start: u32 = path.split("start=").nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        if path == "/robots.txt" {
            return http("404 Not Found", "", b"");
        }
        let body = format!(
            "<body id=\"phpbb\"><div id=\"p7\" class=\"post\"><p class=\"author\">by <a class=\"username\">x</a> » <time datetime=\"2026-01-01T00:00:00+00:00\">x</time></p>\
             <div class=\"content\">the same</div></div><div class=\"pagination\"><a rel=\"next\" href=\"/viewtopic.php?t=1&start={}\">Next</a></div>",
            start + 5
        );
        http("200 OK", "content-type: text/html\r\n", body.as_bytes())
    }))
    .await;
    let memory = Arc::new(Kept::default());
    let at = url.join("viewtopic.php?t=1").unwrap();
    let report =
        Crawler::find(&at, manners(), Plan::default()).await.unwrap().run("F", memory, |_| {}).await.unwrap();
    assert_eq!(
        (report.new, log.lock().unwrap().len()),
        (1, 3),
        "robots.txt, the page, once more: {report:?}"
    );
}

#[tokio::test]
async fn nesting_without_end_does_not_overflow() {
    let (url, _) = raw(Arc::new(|path, _| {
        if path == "/robots.txt" {
            return http("404 Not Found", "", b"");
        }
        let deep = "<div><b><blockquote>".repeat(200_000);
        let body = format!(
            "<body id=\"phpbb\"><div id=\"p7\" class=\"post\"><p class=\"author\">by <a class=\"username\">x</a> » <time datetime=\"2026-01-01T00:00:00+00:00\">x</time></p>\
             <div class=\"content\">in front{deep}</div></div>"
        );
        http("200 OK", "content-type: text/html\r\n", body.as_bytes())
    }))
    .await;
    let memory = Arc::new(Kept::default());
    let at = url.join("viewtopic.php?t=1").unwrap();
    Crawler::find(&at, manners(), Plan::default())
        .await
        .unwrap()
        .run("F", memory.clone(), |_| {})
        .await
        .unwrap();
    assert_eq!(memory.posts.lock().unwrap()["7"].text, "in front");
}

#[tokio::test]
async fn robots_by_the_standard() {
    let answer = |status: &'static str, body: &'static str| -> Pages {
        Arc::new(move |path, _| match path {
            "/robots.txt" => http(status, "", body.as_bytes()),
            _ => http("200 OK", "content-type: text/html\r\n", b"<p>page"),
        })
    };
    let ask = async |pages: Pages, path: &str| {
        let (url, log) = raw(pages).await;
        let fetcher = Fetcher::new(&url, manners(), &[]).unwrap();
        let got = fetcher.get(&url.join(path).unwrap(), &Validators::default()).await;
        (got, paths(&log))
    };
    // Unavailable: no rules.
    for status in ["404 Not Found", "403 Forbidden", "410 Gone", "401 Unauthorized"] {
        assert!(ask(answer(status, "User-agent: *\nDisallow: /"), "/x").await.0.is_ok(), "{status}");
    }
    // Unreachable: stay away, and nothing else is fetched.
    for status in ["500 Internal Server Error", "503 Service Unavailable", "429 Too Many Requests"] {
        let (got, log) = ask(answer(status, ""), "/x").await;
        assert!(matches!(got, Err(FetchError::RobotsUnreachable { .. })), "{status}: {got:?}");
        assert!(log.iter().all(|p| p == "/robots.txt"), "{status}: {log:?}");
    }
    let rules =
        "User-agent: *\nDisallow: /\n\nUser-agent: ThreatMiner\nDisallow: /private\nAllow: /private/open\n";
    assert!(ask(answer("200 OK", rules), "/x").await.0.is_ok(), "our own group goes before that of all");
    assert!(ask(answer("200 OK", rules), "/private/open/1").await.0.is_ok(), "the longest match decides");
    assert!(matches!(ask(answer("200 OK", rules), "/private/x").await.0, Err(FetchError::Robots(_))));
    // A file that leads elsewhere is none; one without end is read as far as the standard asks.
    let away: Pages = Arc::new(|path, _| match path {
        "/robots.txt" => http("302 Found", "location: http://elsewhere.example/robots.txt\r\n", b""),
        _ => http("200 OK", "", b"x"),
    });
    assert!(ask(away, "/x").await.0.is_ok());
    let long: Pages = Arc::new(|path, _| match path {
        "/robots.txt" => {
            let mut text = String::from("User-agent: *\nDisallow: /no\n");
            text.push_str(&"# words\n".repeat(200_000));
            http("200 OK", "", text.as_bytes())
        }
        _ => http("200 OK", "", b"x"),
    });
    assert!(ask(long.clone(), "/yes").await.0.is_ok());
    assert!(matches!(ask(long, "/no").await.0, Err(FetchError::Robots(_))));
}

#[tokio::test]
async fn overload_is_waited_for_as_the_host_asks() {
    let busy: Pages = Arc::new(|_, nth| match nth {
        1 => http("429 Too Many Requests", "retry-after: 0\r\n", b""),
        2 => http("503 Service Unavailable", "retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n", b""),
        _ => http("200 OK", "", b"at last"),
    });
    let got = get(busy, Manners { tries: 4, ..manners() }, "/").await.unwrap();
    assert!(matches!(got, Answer::Page(d, _) if d.status == 200));
    let long: Pages = Arc::new(|_, _| http("503 Service Unavailable", "retry-after: 86400\r\n", b""));
    let error = get(long, Manners { tries: 4, ..manners() }, "/").await.unwrap_err();
    assert!(matches!(error, FetchError::ComeBack { seconds: 86400, .. }), "a day is not waited for: {error}");
}

#[tokio::test]
async fn conditional_requests() {
    let (url, log) = raw(Arc::new(|path, nth| match (path, nth) {
        ("/robots.txt", _) => http("404 Not Found", "", b""),
        (_, 1) => http("200 OK", "etag: \"v1\"\r\nlast-modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n", b"<p>x"),
        _ => http("304 Not Modified", "", b""),
    }))
    .await;
    let fetcher = Fetcher::new(&url, manners(), &[]).unwrap();
    let Answer::Page(_, known) = fetcher.get(&url, &Validators::default()).await.unwrap() else {
        panic!("a page")
    };
    assert!(matches!(fetcher.get(&url, &known).await.unwrap(), Answer::Unchanged));
    let second = log.lock().unwrap().last().unwrap().to_lowercase();
    assert!(
        second.contains("if-none-match: \"v1\"") && second.contains("if-modified-since: wed, 21 oct 2015"),
        "{second}"
    );
}

/// A front page that has not changed is all that a second crawl asks for, and hides nothing that was left.
#[tokio::test]
async fn an_unchanged_front_page_is_believed_only_when_all_behind_it_is_stored() {
    let (url, log) = raw(Arc::new(|path, nth| {
        let body = match path {
            "/robots.txt" => return http("404 Not Found", "", b""),
            p if p.starts_with("/viewtopic") && nth == 1 => return http("500 Internal Server Error", "", b""),
            p if p.starts_with("/viewtopic") && nth == 2 => return http("500 Internal Server Error", "", b""),
            p if p.starts_with("/viewtopic") => "<body id=\"phpbb\"><div id=\"p7\" class=\"post\"><p class=\"author\">by <a class=\"username\">x</a> » <time datetime=\"2026-01-01T00:00:00+00:00\">x</time></p><div class=\"content\">x</div></div>",
            p if p.starts_with("/viewforum") => "<body id=\"phpbb\"><li class=\"row\"><dl><a class=\"topictitle\" href=\"/viewtopic.php?t=1\">x</a><dd class=\"posts\">0</dd></dl></li>",
            _ => "<body id=\"phpbb\"><li class=\"row\"><dl><a class=\"forumtitle\" href=\"/viewforum.php?f=1\">B</a><dd class=\"topics\">1</dd><dd class=\"posts\">1</dd></dl></li>",
        };
        http("200 OK", "content-type: text/html\r\netag: \"same\"\r\n", body.as_bytes())
    }))
    .await;
    let memory = Arc::new(Kept::default());
    let crawl = async || {
        log.lock().unwrap().clear();
        let crawler = Crawler::find(&url, manners(), Plan::default()).await.unwrap();
        let report = crawler.run("F", memory.clone(), |_| {}).await.unwrap();
        (report, paths(&log))
    };
    let (first, _) = crawl().await;
    assert!(first.new == 0 && first.problem_count == 1, "{first:?}");
    let (second, asked) = crawl().await;
    assert_eq!(
        (second.new, asked.len()),
        (1, 3),
        "the thread that could not be had is asked for again: {asked:?}"
    );
    let (third, asked) = crawl().await;
    assert_eq!((third.new, asked.len()), (0, 2), "{asked:?}");
}

/// The markup changed: posts come without authors and times.
#[tokio::test]
async fn changed_markup_is_a_state_with_its_page() {
    let changed = forum::Altered(skins::Phpbb, |_: &Forum, _: forum::Shown<'_>, page: String| {
        page.replace("class=\"username\"", "class=\"who\"")
    });
    let forum = Arc::new(Forum::new());
    let url = serve(forum, Arc::new(changed)).await;
    let memory = Arc::new(Kept::default());
    let report = Crawler::find(&url, manners(), Plan::default())
        .await
        .unwrap()
        .run("F", memory, |_| {})
        .await
        .unwrap();
    assert!(
        matches!(&report.health, Health::Unreadable(why) if why.contains("without authors")),
        "{:?}",
        report.health
    );
    assert!(report.kept.is_some_and(|k| k.1.contains("class=\"who\"")));
}

#[tokio::test]
async fn cookies_that_do_not_log_in_are_an_error() {
    let forum = Arc::new(Forum::new());
    let url = serve(forum, Arc::new(skins::Phpbb)).await;
    let cookies = vec![("sid".to_owned(), "old".to_owned())];
    let stale = Crawler::find(&url, manners(), Plan { cookies: cookies.clone(), ..Plan::default() }).await;
    assert!(matches!(stale, Err(CrawlError::Cookies(_))));
    assert!(Crawler::find(&url, manners(), Plan { cookies, guest: true, ..Plan::default() }).await.is_ok());
}

/// A SOCKS5 proxy of our own (RFC 1928): takes any name, connects to the test's forum, says what it was asked for.
async fn socks(to: std::net::SocketAddr) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("socks5h://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = asked.clone();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let log = log.clone();
            tokio::spawn(async move {
                let mut hello = [0u8; 2];
                client.read_exact(&mut hello).await.unwrap();
                let mut methods = vec![0u8; hello[1] as usize];
                client.read_exact(&mut methods).await.unwrap();
                client.write_all(&[5, 0]).await.unwrap();
                let mut head = [0u8; 4];
                client.read_exact(&mut head).await.unwrap();
                assert_eq!(head[3], 3, "the proxy gets the name, so that nothing is resolved here");
                let length = client.read_u8().await.unwrap();
                let mut name = vec![0u8; length as usize];
                client.read_exact(&mut name).await.unwrap();
                client.read_u16().await.unwrap();
                log.lock().unwrap().push(String::from_utf8(name).unwrap());
                let mut server = TcpStream::connect(to).await.unwrap();
                client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (at, asked)
}

#[tokio::test]
async fn onion_services_through_a_proxy_that_resolves() {
    let forum = Arc::new(Forum::new());
    let url = serve(forum.clone(), Arc::new(skins::Smf)).await;
    let (proxy, asked) = socks(format!("127.0.0.1:{}", url.port().unwrap()).parse().unwrap()).await;
    let onion = Url::parse("http://darkharbourtest2222222222222222222222222222222222222222.onion/").unwrap();
    let through = Manners { proxy: Some(proxy), ..manners() };
    let memory = Arc::new(Kept::default());
    let report = Crawler::find(&onion, through, Plan::default())
        .await
        .unwrap()
        .run("F", memory, |_| {})
        .await
        .unwrap();
    assert_eq!(report.new as usize, forum.truth(false).len(), "{report:?}");
    assert!(asked.lock().unwrap().iter().all(|n| n.ends_with(".onion")), "{:?}", asked.lock().unwrap());
    // A proxy that is not there is an error, not a way around it.
    let dead = Manners { proxy: Some("socks5h://127.0.0.1:1".into()), ..manners() };
    assert!(Crawler::find(&url, dead, Plan::default()).await.is_err());
}

/// Pages in the encodings of forums: told by the header, by the page, by neither, and wrongly.
#[tokio::test]
async fn encodings_over_the_network() {
    let russian = "Продам свежие базы, гарант приветствуется, пишите в личку или в жабу, скидки оптом";
    let chinese = "出售最新远控木马源码，支持担保交易，有意者请加微信联系，免杀效果不错";
    let traditional = "出售最新遠控木馬源碼，支持擔保交易，有意者請加微信聯繫";
    let cases: [(&str, &str, &str, &str); 11] = [
        ("windows-1251", "windows-1251", "", russian),
        ("windows-1251", "", "windows-1251", russian),
        ("windows-1251", "", "", russian),
        ("koi8-r", "koi8-r", "", russian),
        ("koi8-r", "", "", russian),
        ("gb18030", "gb2312", "", chinese),
        ("gb18030", "", "gbk", chinese),
        ("big5", "", "big5", traditional),
        // The server's default, while the page knows better; UTF-8 that is said to be something else, and the reverse.
        ("windows-1251", "iso-8859-1", "windows-1251", russian),
        ("utf-8", "windows-1251", "", russian),
        ("windows-1251", "utf-8", "", russian),
    ];
    for (real, header, meta, text) in cases {
        let encoding = encoding_rs::Encoding::for_label(real.as_bytes()).unwrap();
        let meta_tag = if meta.is_empty() { String::new() } else { format!("<meta charset=\"{meta}\">") };
        let page = format!("<html><head>{meta_tag}</head><body>{text}</body></html>");
        let body = encoding.encode(&page).0.into_owned();
        let kind =
            if header.is_empty() { "text/html".to_owned() } else { format!("text/html; charset={header}") };
        let pages: Pages = Arc::new(move |_, _| http("200 OK", &format!("content-type: {kind}\r\n"), &body));
        let Answer::Page(document, _) = get(pages, manners(), "/").await.unwrap() else { panic!("a page") };
        assert!(document.body.contains(text), "{real}, header {header:?}, page {meta:?}: {}", document.body);
    }
}
