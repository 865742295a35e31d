//! Folders and archives of saved pages, web archives, messages: each post once, whatever it was saved in.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tm_collect::{CollectError, Import, Item, Options, Pages, open};

/// A thread page as FluxBB writes it, in our own words.
fn page(thread: u32, number: u32, posts: std::ops::Range<u32>) -> String {
    let mut body = String::new();
    for id in posts {
        body.push_str(&format!(
            "<div id=\"p{id}\" class=\"blockpost rowodd\"><h2><span><span class=\"conr\">#{id}</span> \
             <a href=\"viewtopic.php?pid={id}#p{id}\">2024-01-04 15:{:02}:00</a></span></h2>\
             <div class=\"box\"><div class=\"inbox\"><div class=\"postbody\"><div class=\"postleft\"><dl>\
             <dt><strong><a href=\"profile.php?id=7\">лис</a></strong></dt></dl></div>\
             <div class=\"postright\"><h3>t</h3><div class=\"postmsg\"><p>words {id} слова 词 <a href=\"http://drop.example/{id}\">get</a></p></div></div>\
             </div></div></div></div>",
            id % 60
        ));
    }
    format!(
        "<!DOCTYPE html><html><head><title>Thread {thread} (Page {number}) / The Den</title>\
         <link rel=\"canonical\" href=\"http://den.example/viewtopic.php?id={thread}&amp;p={number}\" /></head>\
         <body><div id=\"punviewtopic\" class=\"pun\"><div id=\"brdheader\" class=\"block\"><div id=\"brdtitle\" class=\"inbox\">\
         <h1><a href=\"index.php\">The Den</a></h1></div></div><div id=\"brdmain\"><div class=\"linkst\"><div class=\"inbox crumbsplus\">\
         <ul class=\"crumbs\"><li><a href=\"index.php\">Index</a></li><li><span>»&#160;</span><a href=\"viewforum.php?id=3\">Access</a></li>\
         <li><span>»&#160;</span><strong><a href=\"viewtopic.php?id={thread}\">Thread {thread}</a></strong></li></ul></div></div>\
         {body}</div><div id=\"brdfooter\" class=\"block\"><p id=\"poweredby\">Powered by <a href=\"http://fluxbb.org/\">FluxBB</a></p></div></div></body></html>"
    )
}

struct Read {
    ids: Vec<String>,
    rejects: Vec<String>,
    pages: Pages,
    error: Option<CollectError>,
}

fn read(path: &Path) -> Read {
    drain(open(path, None, Options::default()).unwrap())
}

fn drain(mut import: Import) -> Read {
    let mut read = Read { ids: vec![], rejects: vec![], pages: Pages::default(), error: None };
    let mut last = 0;
    while let Some(item) = import.next() {
        match item {
            Ok(Item::Post(post)) => {
                assert!(import.row() > last, "each post has a row of its own");
                assert_eq!(post.forum.as_deref(), Some("The Den"));
                assert!(post.text.starts_with("words") && post.author.as_deref() == Some("лис"), "{post:?}");
                assert!(post.links[0].starts_with("http://drop.example/"));
                read.ids.push(post.id.unwrap());
            }
            Ok(Item::Reject(reject)) => read.rejects.push(reject.reason),
            Err(error) => read.error = Some(error),
        }
        last = import.row();
    }
    read.pages = import.pages().unwrap_or_default();
    read
}

struct Work(TempDir);

impl Work {
    fn new() -> Work {
        Work(tempfile::tempdir().unwrap())
    }
    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// Two pages of a thread that share a post, a copy of one, a page of no engine, a picture.
fn members() -> BTreeMap<&'static str, Vec<u8>> {
    BTreeMap::from([
        ("den/a.html", page(1, 1, 1..6).into_bytes()),
        ("den/b.html", page(1, 2, 5..9).into_bytes()),
        ("den/copy of a.htm", page(1, 1, 1..6).into_bytes()),
        ("den/logo.png", b"\x89PNG\r\n".to_vec()),
        ("den/other.html", b"<!DOCTYPE html><html><body>hello</body></html>".to_vec()),
    ])
}

fn check(read: &Read) {
    assert_eq!(read.ids, ["1", "2", "3", "4", "5", "6", "7", "8"]);
    let pages = &read.pages;
    assert_eq!((pages.read, pages.with_posts, pages.unknown, pages.duplicates), (3, 3, 1, 6), "{pages:?}");
    assert!(pages.unknown_names[0].contains("other.html"), "{pages:?}");
    assert_eq!(pages.other, 1);
    assert!(read.error.is_none() && read.rejects.is_empty(), "{:?}", read.rejects);
}

fn zip(members: &BTreeMap<&str, Vec<u8>>) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn tar(members: &BTreeMap<&str, Vec<u8>>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut member = |name: &str, kind: u8, bytes: &[u8]| {
        let mut block = [0u8; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[100..108].copy_from_slice(b"0000644\0");
        block[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
        block[136..148].copy_from_slice(b"14545524400\0");
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&block);
        out.extend_from_slice(bytes);
        out.resize(out.len().next_multiple_of(512), 0);
    };
    member("den", b'5', b"");
    member("../../etc/link.html", b'2', b"");
    for (name, bytes) in members {
        if name.ends_with("b.html") {
            // A long name the way pax and GNU write it.
            let record = format!("path={name}\n");
            member("PaxHeaders/x", b'x', format!("{} {record}", record.len() + 3).as_bytes());
            member("././@LongLink", b'L', format!("{name}\0").as_bytes());
            member("short", b'0', bytes);
        } else {
            member(name, b'0', bytes);
        }
    }
    out.extend([0; 1024]);
    out
}

#[test]
fn a_folder_a_zip_and_a_tar_give_the_same_posts() {
    let work = Work::new();
    for (name, bytes) in members() {
        work.file(&format!("saved/{name}"), bytes);
    }
    check(&read(&work.0.path().join("saved")));
    check(&read(&work.file("a.bin", zip(&members()))));
    let tar = tar(&members());
    check(&read(&work.file("b.tar", &tar)));
    let gzip = {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(&tar).unwrap();
        out.finish().unwrap()
    };
    check(&read(&work.file("c.tgz", gzip)));
    check(&read(&work.file("d", zstd::encode_all(&tar[..], 1).unwrap())));
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&tar).unwrap();
    check(&read(&work.file("e.tar", xz.finish().unwrap())));
    let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bz.write_all(&tar).unwrap();
    check(&read(&work.file("f.tar", bz.finish().unwrap())));
}

#[test]
fn links_and_names_lead_nowhere_else() {
    let work = Work::new();
    let outside = work.file("outside.html", page(9, 1, 90..95));
    work.file("saved/a.html", page(1, 1, 1..3));
    std::os::unix::fs::symlink(&outside, work.0.path().join("saved/link.html")).unwrap();
    std::os::unix::fs::symlink(work.0.path(), work.0.path().join("saved/up")).unwrap();
    assert_eq!(read(&work.0.path().join("saved")).ids, ["1", "2"]);
    // A name that climbs is a name only: nothing is written anywhere.
    let before = fs::read_dir(work.0.path()).unwrap().count();
    let path =
        work.file("evil.zip", zip(&BTreeMap::from([("../../evil.html", page(1, 1, 1..3).into_bytes())])));
    assert_eq!(read(&path).ids, ["1", "2"]);
    assert_eq!(fs::read_dir(work.0.path()).unwrap().count(), before + 1);
}

#[test]
fn archives_of_dumps_and_lists_are_read_member_by_member() {
    let work = Work::new();
    let fixture = |name: &str| {
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
    };
    let count = |path: &Path| {
        open(path, None, Options::default())
            .unwrap()
            .map(|i| usize::from(matches!(i.unwrap(), Item::Post(_))))
            .sum::<usize>()
    };
    let alone: usize = ["mybb-mysql.sql", "lines.jsonl", "fluxbb-pgsql.sql"]
        .map(|name| count(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)))
        .iter()
        .sum();
    let packed = {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(&fixture("fluxbb-pgsql.sql")).unwrap();
        out.finish().unwrap()
    };
    let all = BTreeMap::from([
        ("a/mybb.sql", fixture("mybb-mysql.sql")),
        ("b.jsonl", fixture("lines.jsonl")),
        ("c.sql.gz", packed),
    ]);
    assert_eq!(count(&work.file("all.zip", zip(&all))), alone);
    assert_eq!(count(&work.file("all.tar", tar(&all))), alone);
    let inner = work.file("nested.zip", zip(&BTreeMap::from([("inner.zip", zip(&all))])));
    let nested = read(&inner);
    assert!(
        nested.ids.is_empty() && nested.rejects[0].contains("archive inside of an archive"),
        "{:?}",
        nested.rejects
    );
}

#[test]
fn refusals_of_members_have_rows_of_their_own() {
    let lines = "{\"id\":1,\"text\":\"sound\"}\nno json\n".repeat(2);
    let all = BTreeMap::from([
        ("a.jsonl", lines.clone().into_bytes()),
        ("b.jsonl", lines.into_bytes()),
        ("c.zip", zip(&members())),
    ]);
    let work = Work::new();
    let mut import = open(work.file("logs.zip", zip(&all)), None, Options::default()).unwrap();
    let (mut rows, mut reasons) = (Vec::new(), Vec::new());
    while let Some(item) = import.next() {
        let Item::Reject(reject) = item.unwrap() else { continue };
        assert_eq!(reject.row, import.row(), "{reject:?}");
        assert!(reject.file.ends_with("logs.zip"), "{reject:?}");
        rows.push(reject.row);
        reasons.push(reject.reason);
    }
    assert_eq!(rows, [2, 4, 6, 8, 9]);
    let begin = ["a.jsonl, row 2: ", "a.jsonl, row 4: ", "b.jsonl, row 2: ", "b.jsonl, row 4: ", "c.zip: "];
    assert!(reasons.iter().zip(begin).all(|(reason, begin)| reason.starts_with(begin)), "{reasons:?}");
}

#[test]
fn saved_pages_of_different_forums_stay_apart() {
    let other = page(2, 1, 1..3).replace("The Den", "The Pier");
    for address in ["<link rel=\"canonical\" href=\"http://den.example", "<link rel=\"none\" href=\""] {
        let saved = |page: &str| {
            page.replace("<link rel=\"canonical\" href=\"http://den.example", address).into_bytes()
        };
        let unnamed = page(3, 1, 2..5).replace("The Den", "").replace("<h1>", "<h2>");
        let all = BTreeMap::from([
            ("a.html", saved(&page(1, 1, 1..3))),
            ("b.html", saved(&other)),
            ("c.html", saved(&unnamed)),
        ]);
        let work = Work::new();
        let mut import = open(work.file("pages.zip", zip(&all)), None, Options::default()).unwrap();
        let mut found = Vec::new();
        for item in import.by_ref() {
            let Item::Post(post) = item.unwrap() else { panic!("refused") };
            found.push((post.forum.unwrap(), post.id.unwrap()));
        }
        let expect = [
            ("The Den", "1"),
            ("The Den", "2"),
            ("The Pier", "1"),
            ("The Pier", "2"),
            ("The Den", "3"),
            ("The Den", "4"),
        ];
        assert_eq!(found, expect.map(|(forum, id)| (forum.to_owned(), id.to_owned())), "{address}");
        assert_eq!(import.pages().unwrap().duplicates, 1);
    }
}

fn record(kind: &str, uri: &str, content_type: &str, content: &[u8]) -> Vec<u8> {
    let mut out = format!(
        "WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {uri}\r\nWARC-Date: 2024-02-01T10:00:00Z\r\n\
         Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        content.len()
    )
    .into_bytes();
    out.extend_from_slice(content);
    out.extend(b"\r\n\r\n");
    out
}

fn answer(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n").into_bytes();
    out.extend_from_slice(body);
    out
}

fn warc() -> Vec<Vec<u8>> {
    let gzip = |bytes: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    };
    let first = page(1, 1, 1..4);
    let chunked = {
        let (a, b) = first.as_bytes().split_at(100);
        let mut out = format!("{:x}\r\n", a.len()).into_bytes();
        out.extend(a);
        out.extend(format!("\r\n{:X};x=y\r\n", b.len()).bytes());
        out.extend(b);
        out.extend(b"\r\n0\r\n\r\n");
        out
    };
    let http = "application/http; msgtype=response";
    vec![
        record("warcinfo", "", "application/warc-fields", b"software: x\r\n"),
        record(
            "request",
            "http://den.example/",
            "application/http; msgtype=request",
            b"GET / HTTP/1.1\r\n\r\n",
        ),
        record(
            "response",
            "http://den.example/viewtopic.php?id=1",
            http,
            &answer("Content-Type: text/html; charset=utf-8\r\nTransfer-Encoding: chunked", &chunked),
        ),
        record("response", "http://den.example/x.png", http, &answer("Content-Type: image/png", b"\x89PNG")),
        record(
            "response",
            "http://den.example/viewtopic.php?id=1&p=2",
            http,
            &answer("Content-Type: text/html\r\nContent-Encoding: gzip", &gzip(page(1, 2, 3..9).as_bytes())),
        ),
        record("resource", "http://den.example/viewtopic.php?id=1", "text/html", page(1, 1, 1..4).as_bytes()),
        record(
            "response",
            "http://shop.example/",
            http,
            &answer("Content-Type: text/html", b"<html><body>shop</body></html>"),
        ),
    ]
}

#[test]
fn web_archives_are_read_record_by_record() {
    let work = Work::new();
    let plain = warc().concat();
    // One gzip member a record, as the standard wants.
    let packed: Vec<u8> = warc()
        .iter()
        .flat_map(|record| {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(record).unwrap();
            out.finish().unwrap()
        })
        .collect();
    for (name, bytes) in [("a.warc", &plain), ("b.warc.gz", &packed), ("c", &packed)] {
        let read = read(&work.file(name, bytes));
        assert_eq!(read.ids, ["1", "2", "3", "4", "5", "6", "7", "8"], "{name}");
        assert_eq!(
            (read.pages.read, read.pages.unknown, read.pages.other, read.pages.duplicates),
            (3, 1, 1, 4),
            "{:?}",
            read.pages
        );
        assert!(read.error.is_none() && read.rejects.is_empty());
    }
    // Damage between records is passed over and said; a cut is an error behind what is sound.
    let mut records = warc();
    records.insert(3, b"no record at all\r\nmore of it\r\n".to_vec());
    let damaged = read(&work.file("d.warc", records.concat()));
    assert!(damaged.ids.len() == 8 && damaged.rejects.len() == 1, "{:?}", damaged.rejects);
    let cut = read(&work.file("e.warc", &plain[..plain.len() - 40]));
    assert!(
        cut.ids.len() == 8 && matches!(cut.error, Some(CollectError::Truncated { .. })),
        "{:?}",
        cut.error
    );
}

#[test]
fn a_single_page_and_a_message_are_read() {
    let work = Work::new();
    assert_eq!(read(&work.file("page.html", page(1, 1, 1..3))).ids, ["1", "2"]);
    let quoted = page(1, 1, 1..3).replace('=', "=3D").replace("</div>", "</div>=\r\n");
    let message = format!(
        "From: <Saved by Blink>\r\nSnapshot-Content-Location: http://den.example/viewtopic.php?id=1\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/related;\r\n\ttype=\"text/html\";\r\n\tboundary=\"--b\"\r\n\r\n\r\n----b\r\n\
         Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Location: http://den.example/viewtopic.php?id=1\r\n\r\n\
         {quoted}\r\n----b\r\nContent-Type: text/html\r\nContent-Location: http://ads.example/frame\r\n\r\n<p>ad</p>\r\n----b--\r\n"
    );
    let read = read(&work.file("page.mhtml", message));
    assert_eq!(read.ids, ["1", "2"]);
    assert_eq!(
        (read.pages.read, read.pages.unknown),
        (1, 0),
        "frames beside a page do not count: {:?}",
        read.pages
    );
}

#[test]
fn bombs_and_damage_end_in_words() {
    let work = Work::new();
    // Zeros in zeros: a gibibyte in a few kilobytes.
    let mut zst = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    for _ in 0..512 {
        zst.write_all(&[b' '; 1 << 20]).unwrap();
    }
    let read_error = read(&work.file("bomb.jsonl.zst", zst.finish().unwrap())).error.unwrap();
    assert!(read_error.to_string().contains("more than 1000 times its size"), "{read_error}");
    // A member whose checksum is wrong is left out, the others are read.
    let mut bytes = zip(&members());
    let place = memchr::memmem::find(&bytes, b"den/a.html").unwrap() + 60;
    bytes[place] ^= 0x55;
    let damaged = read(&work.file("damaged.zip", bytes));
    assert!(damaged.rejects.len() == 1 && damaged.rejects[0].contains("den/a.html"), "{:?}", damaged.rejects);
    assert_eq!(damaged.ids, ["5", "6", "7", "8", "1", "2", "3", "4"]);
    let tar = tar(&members());
    let cut = read(&work.file("cut.tar", &tar[..tar.len() / 2]));
    assert!(cut.error.is_some() || !cut.rejects.is_empty());
}
