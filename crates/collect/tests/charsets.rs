//! Dumps in the charsets of old forums, declared and not.
#![allow(clippy::unwrap_used)]

use encoding_rs::Encoding;
use std::fs;
use tm_collect::{Item, Options, open};
use tm_model::PostRecord;

const RUSSIAN: [&str; 6] = [
    "Продам свежие базы, гарант приветствуется, пишите в личку",
    "Скиньте образец, возьму весь объём",
    "Работает на всех версиях, проверено вчера вечером",
    "Ищу напарника по пробиву, оплата сразу",
    "Отзывы в теме, кидал прошу не беспокоить",
    "Цена 200 за штуку, опт дешевле",
];
const CHINESE: [&str; 6] = [
    "出售最新远控木马源码，支持担保交易",
    "有意者请加微信联系，免杀效果不错",
    "谢谢楼主分享，下载试试看效果怎么样",
    "求购信用卡资料，长期合作",
    "价格二百块一个月，不退款",
    "这个漏洞已经修复了吗",
];
// Characters whose second byte is a backslash in Big5 and GBK.
const TRAPS: [&str; 4] = [
    "許功蓋成功擺渡，出售木馬源碼，擔保交易",
    "育珮的帳號密碼，有意者請聯繫，免殺效果不錯",
    "這個漏洞已經修復了嗎，謝謝樓主分享",
    "功",
];

/// A MyBB dump of these texts in this charset, written as a client that knows the charset writes it.
fn dump(label: &str, declared: Option<&str>, texts: &[&str]) -> Vec<u8> {
    let encoding = Encoding::for_label(label.as_bytes()).unwrap();
    let encode = |text: &str| {
        let (bytes, _, lost) = encoding.encode(text);
        assert!(!lost, "{label} cannot hold {text}");
        bytes.into_owned()
    };
    let mut out = b"-- MySQL dump 10.13\n".to_vec();
    if let Some(name) = declared {
        out.extend(format!("/*!40101 SET NAMES {name} */;\n").bytes());
    }
    out.extend(b"CREATE TABLE `f_posts` (`pid` int, `tid` int, `uid` int, `username` text, `dateline` int, `message` text, `visible` int);\n");
    for (i, text) in texts.iter().enumerate() {
        out.extend(format!("INSERT INTO `f_posts` VALUES ({},1,{},'',1700000000,'", i + 1, i + 1).bytes());
        out.extend(encode(text));
        out.extend(b"',1);\n");
    }
    out.extend(b"CREATE TABLE `f_threads` (`tid` int, `fid` int, `subject` text, `firstpost` int, `closed` text, `visible` int);\n");
    out.extend(b"INSERT INTO `f_threads` VALUES (1,1,'");
    out.extend(encode(texts[0]));
    out.extend(b"',1,'',1);\nCREATE TABLE `f_users` (`uid` int, `username` text, `usergroup` int);\n");
    for (i, text) in texts.iter().enumerate() {
        out.extend(format!("INSERT INTO `f_users` VALUES ({},'", i + 1).bytes());
        out.extend(encode(&text.chars().take(3).collect::<String>()));
        out.extend(b"',2);\n");
    }
    out
}

fn read(bytes: &[u8]) -> Vec<PostRecord> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.sql");
    fs::write(&path, bytes).unwrap();
    let items = open(&path, None, Options::default()).unwrap();
    items
        .map(|item| match item.unwrap() {
            Item::Post(post) => *post,
            Item::Reject(reject) => panic!("{reject:?}"),
        })
        .collect()
}

fn check(label: &str, declared: Option<&str>, texts: &[&str]) {
    let posts = read(&dump(label, declared, texts));
    let got: Vec<&str> = posts.iter().map(|post| post.text.as_str()).collect();
    assert_eq!(got, texts, "{label} declared as {declared:?}");
    for (post, text) in posts.iter().zip(texts) {
        assert_eq!(post.title.as_deref(), Some(texts[0]), "{label} declared as {declared:?}");
        let handle: String = text.chars().take(3).collect();
        assert_eq!(post.author.as_deref(), Some(handle.trim()), "{label} declared as {declared:?}");
    }
}

#[test]
fn declared_charsets_are_believed() {
    check("windows-1251", Some("cp1251"), &RUSSIAN);
    check("koi8-r", Some("koi8r"), &RUSSIAN);
    check("ibm866", Some("cp866"), &RUSSIAN);
    check("gb18030", Some("gbk"), &CHINESE);
    check("gb18030", Some("gb18030"), &TRAPS);
    check("big5", Some("big5"), &TRAPS);
    check("utf-8", Some("utf8mb4"), &CHINESE);
}

#[test]
fn undeclared_charsets_are_told_from_the_texts() {
    for declared in [None, Some("latin1")] {
        check("windows-1251", declared, &RUSSIAN);
        check("koi8-r", declared, &RUSSIAN);
        check("gb18030", declared, &CHINESE);
        check("utf-8", declared, &RUSSIAN);
    }
    check("windows-1251", Some("utf8"), &RUSSIAN);
}

#[test]
fn a_legacy_value_in_a_dump_of_utf8_is_read_by_itself() {
    let mut bytes = dump("utf-8", Some("utf8"), &CHINESE);
    bytes.extend(b"INSERT INTO `f_posts` VALUES (9,1,1,'',1700000000,'");
    bytes.extend(&*encoding_rs::WINDOWS_1251.encode(RUSSIAN[0]).0);
    bytes.extend(b"',1);\n");
    let posts = read(&bytes);
    assert_eq!(posts.last().unwrap().text, RUSSIAN[0]);
    assert_eq!(posts[0].text, CHINESE[0]);
}
