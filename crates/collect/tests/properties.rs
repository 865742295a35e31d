//! Whatever the bytes, no format panics, rows never run backwards and the stream ends.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use tm_collect::{
    Bbcode, Format, Import, Item, Options, clean_bbcode, clean_html, clean_markdown, clean_s9e,
    decode_entities, flatten_html, open, open_reader, strip_controls,
};

/// Pieces that dumps and texts are made of, so that random input gets past the first sign.
const PIECES: [&str; 72] = [
    "INSERT INTO `f_posts` VALUES ",
    "CREATE TABLE `f_posts` (`pid` int, `tid` int, `uid` int, `message` text, \
     `dateline` int, `visible` int);",
    "COPY f_posts (pid, tid, uid, message, dateline, visible) FROM stdin;\n",
    "(1,2,3,'x',4,1)",
    ",",
    ";",
    "\n",
    "'",
    "''",
    "\\",
    "\\'",
    "\"",
    "`",
    "(",
    ")",
    "/*",
    "*/",
    "--",
    "0x",
    "NULL",
    "\\.",
    "\t",
    "\\N",
    "$a$",
    "_binary ",
    "replace('",
    "DELIMITER ;;\n",
    "{\"text\":\"",
    "}",
    "id,text\n",
    "[quote=",
    "[/quote]",
    "[code]",
    "[/code]",
    "[url=",
    "]",
    "<QUOTE author=\"",
    ">",
    "<s>",
    "</URL>",
    "&#12",
    "> ",
    "```\n",
    "**",
    "](/post/1):",
    "\u{feff}ж汉",
    "\r\n\r\n",
    "WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://den.example/\r\nContent-Type: application/http\r\n",
    "WARC/1.0\r\nWARC-Type: resource\r\nContent-Type: text/html\r\n",
    "Content-Length: 60\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
    "3\r\n",
    "<!DOCTYPE html><html><head><title>T</title>",
    "<link rel=\"canonical\" href=\"http://den.example/viewtopic.php?id=1\">",
    "<p id=\"poweredby\">Powered by <a href=\"http://fluxbb.org/\">FluxBB</a></p>",
    "<div id=\"p1\" class=\"blockpost\"><div class=\"postmsg\">",
    "<blockquote data-ipsquote-username='",
    "<pre>",
    "<!--",
    "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n",
    "--b\r\nContent-Type: text/html\r\n",
    "Content-Transfer-Encoding: quoted-printable\r\n",
    "=3D",
    "{\"name\":\"c\",\"type\":\"public_channel\",\"id\":1,\"messages\":[",
    "{\"id\":1,\"type\":\"message\",\"text\":[\"a\",{\"type\":\"text_link\",\"text\":\"b\",\"href\":\"http://c\"}]}",
    "],",
    "\"chats\":{\"list\":[",
    "/*!40101 SET NAMES gbk */;",
    "CREATE TABLE `post` (`postid` int, `threadid` int, `pagetext` text);INSERT INTO `post` VALUES ",
    "(1,2,'\\",
    "[MENTION=1]",
    "http://a.example/(b).",
];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => (0..PIECES.len()).prop_map(|i| PIECES[i].as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..12),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn drain(mut import: Import) -> Result<(), TestCaseError> {
    let (mut last, mut items) = (0, 0);
    while let Some(item) = import.next() {
        items += 1;
        prop_assert!(import.row() >= last && items < 100_000);
        last = import.row();
        if let Ok(Item::Reject(reject)) = item {
            prop_assert!(reject.snippet.chars().count() <= 200);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_end_in_any_format(bytes in bytes()) {
        let options = Options { max_value: 300, link_targets: true, ..Options::default() };
        let all = [Format::Jsonl, Format::Csv, Format::Telegram, Format::Html, Format::Mhtml, Format::Warc];
        for format in all.map(Some).into_iter().chain([None]) {
            if let Ok(import) = open_reader("any", std::io::Cursor::new(bytes.clone()), format, options.clone()) {
                drain(import)?;
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any.sql");
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(import) = open(&path, Some(Format::Sql), options) {
            drain(import)?;
        }
    }

    #[test]
    fn any_text_is_cleaned(bytes in bytes()) {
        let text = String::from_utf8_lossy(&bytes);
        for escaped in [false, true] {
            for uid in [None, Some("1a")] {
                clean_bbcode(&text, &Bbcode { escaped, uid, link_targets: escaped });
            }
            clean_s9e(&text, escaped);
            clean_markdown(&text, escaped);
            clean_html(&text, escaped);
        }
        decode_entities(&text);
        clean_bbcode(&flatten_html(&text), &Bbcode { escaped: true, ..Bbcode::default() });
        prop_assert!(!strip_controls(&text).contains(['\r', '\0']));
    }

    #[test]
    fn values_come_back_from_any_dialect(text in "[ -~жё汉\n\t]{0,80}") {
        let folder = tempfile::tempdir().unwrap();
        let table = "(id, poster, message, posted, topic_id)";
        let mysql = text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n");
        let copy = text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t");
        let dumps = [
            format!("-- MySQL dump\nINSERT INTO `posts` {table} VALUES (1,'a','{mysql}',5,6);"),
            format!("-- PostgreSQL database dump\nINSERT INTO public.posts {table} VALUES (1,'a','{}',5,6);", text.replace('\'', "''")),
            format!("-- PostgreSQL database dump\nCOPY posts {table} FROM stdin;\n1\ta\t{copy}\t5\t6\n\\.\n"),
        ];
        let expect = clean_bbcode(&text, &Bbcode::default()).text;
        for (i, dump) in dumps.iter().enumerate() {
            let path = folder.path().join(format!("{i}.sql"));
            std::fs::write(&path, dump).unwrap();
            let items: Result<Vec<Item>, _> = open(&path, None, Options::default()).unwrap().collect();
            match items.unwrap().as_slice() {
                [Item::Post(post)] => prop_assert_eq!(&post.text, &expect, "{}", dump),
                other => prop_assert!(false, "{:?} {}", other, dump),
            }
        }
    }
}
