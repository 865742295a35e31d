//! Users, sessions, tokens, audit; what analysts keep and decide; what is new.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod services;

use services::Kind;
use tm_model::{PostRecord, Timestamp};
use tm_store::{
    AliasRow, AuditRow, MarkRow, NewUser, PostFilter, Pulse, SavedSearch, SessionRow, TokenRow, UserChange,
    UserChanged,
};

fn post(id: &str, text: &str) -> PostRecord {
    PostRecord {
        id: Some(id.into()),
        thread: Some("7".into()),
        title: Some("loader for sale".into()),
        author: Some("vega".into()),
        time: Some(Timestamp(1_767_225_600)),
        text: text.into(),
        ..PostRecord::default()
    }
}

fn user(name: &str, role: &str, first: bool) -> NewUser {
    NewUser {
        name: name.into(),
        role: role.into(),
        password: "$argon2id$none".into(),
        created: Timestamp(1_767_225_600),
        first,
    }
}

async fn users_sessions_and_tokens(kind: Kind) {
    let Some(store) = services::open(kind).await else { return };
    assert!(!store.has_users().await.unwrap());
    let root = store.add_user(&user("Root", "admin", true)).await.unwrap().unwrap();
    assert_eq!(store.add_user(&user("other", "admin", true)).await.unwrap(), None, "only one is the first");
    assert_eq!(store.add_user(&user("ROOT", "viewer", false)).await.unwrap(), None, "names have no case");
    let reader = store.add_user(&user("читатель", "viewer", false)).await.unwrap().unwrap();
    assert!(store.has_users().await.unwrap());
    assert_eq!(store.user_named("ЧИТАТЕЛЬ").await.unwrap().unwrap().id, reader);
    assert!(store.add_user(&user("x", "owner", false)).await.is_err(), "a role that is none");

    // The last one who may administer stays.
    let lower = UserChange { role: Some("viewer".into()), ..UserChange::default() };
    let off = UserChange { disabled: Some(true), ..UserChange::default() };
    assert_eq!(store.change_user(root, &lower).await.unwrap(), UserChanged::LastAdmin);
    assert_eq!(store.change_user(root, &off).await.unwrap(), UserChanged::LastAdmin);
    assert_eq!(store.remove_user(root).await.unwrap(), UserChanged::LastAdmin);
    assert_eq!(store.remove_user(99).await.unwrap(), UserChanged::Missing);
    assert_eq!(store.change_user(99, &off).await.unwrap(), UserChanged::Missing);

    let now = Timestamp(1_767_230_000);
    let session = |hash: &str, user_id, expires| SessionRow {
        hash: hash.into(),
        user_id,
        created: now,
        seen: now,
        expires: Timestamp(expires),
    };
    store.add_session(&session("old", reader, now.0)).await.unwrap();
    store.add_session(&session("new", reader, now.0 + 60)).await.unwrap();
    assert!(store.session("old").await.unwrap().is_none(), "what has ended is forgotten at the next login");
    let (kept, who) = store.session("new").await.unwrap().unwrap();
    assert_eq!((kept.expires.0, who.name.as_str(), who.last_login), (now.0 + 60, "читатель", Some(now)));
    store.session_seen("new", Timestamp(now.0 + 30)).await.unwrap();
    assert_eq!(store.session("new").await.unwrap().unwrap().0.seen.0, now.0 + 30);
    let token = TokenRow {
        id: 0,
        user_id: reader,
        name: "script".into(),
        hash: "h1".into(),
        scopes: vec!["read".into(), "write".into()],
        created: now,
        last_used: None,
        expires: None,
    };
    let id = store.add_token(&token).await.unwrap();
    assert!(store.add_token(&token).await.is_err(), "a hash stands once");
    store.token_used(id, now).await.unwrap();
    let (found, who) = store.token("h1").await.unwrap().unwrap();
    assert_eq!(found, TokenRow { id, last_used: Some(now), ..token });
    assert_eq!(who.id, reader);
    assert!(!store.remove_token(id, root).await.unwrap(), "nobody removes the token of another");

    // A change ends the sessions; removal takes all that is the user's, the audit log stays.
    assert_eq!(store.change_user(reader, &off).await.unwrap(), UserChanged::Done);
    assert!(store.session("new").await.unwrap().is_none());
    assert!(store.user_named("читатель").await.unwrap().unwrap().disabled);
    let entry = AuditRow {
        id: 0,
        time: now,
        user: Some("читатель".into()),
        action: "view actor".into(),
        object: "actor 1".into(),
        address: "192.0.2.7".into(),
    };
    for n in 0..5 {
        store.add_audit(&AuditRow { object: format!("actor {n}"), ..entry.clone() }).await.unwrap();
    }
    assert_eq!(store.remove_user(reader).await.unwrap(), UserChanged::Done);
    assert!(store.token("h1").await.unwrap().is_none());
    let (total, page) = store.audit(None, 0, 2).await.unwrap();
    assert_eq!((total, page[0].object.as_str(), page[1].object.as_str()), (5, "actor 4", "actor 3"));
    let (_, next) = store.audit(Some(page[1].id), 0, 2).await.unwrap();
    assert_eq!(next[0].object, "actor 2");
}

async fn searches_marks_and_verdicts(kind: Kind) {
    let Some(store) = services::open(kind).await else { return };
    let one = store.add_user(&user("one", "admin", false)).await.unwrap();
    let two = store.add_user(&user("two", "analyst", false)).await.unwrap();
    let now = Timestamp(1_767_230_000);
    let search = |user_id, name: &str| SavedSearch {
        id: 0,
        user_id,
        name: name.into(),
        query: "cvv AND lang:ru".into(),
        created: now,
    };
    let everyone = store.add_search(&search(None, "all")).await.unwrap();
    let own = store.add_search(&search(one, "mine")).await.unwrap();
    let names = |rows: Vec<SavedSearch>| rows.into_iter().map(|s| s.name).collect::<Vec<_>>();
    assert_eq!(names(store.searches(one).await.unwrap()), ["mine", "all"]);
    assert_eq!(names(store.searches(two).await.unwrap()), ["all"]);
    assert_eq!(names(store.searches(None).await.unwrap()), ["all"]);
    assert!(!store.remove_search(own, two).await.unwrap());
    assert!(store.remove_search(everyone, two).await.unwrap());

    let mut second = post("2", "second");
    second.author = Some("altair".into());
    store.store_crawled("F", &[post("1", "first"), second], &[]).await.unwrap();
    let (_, accounts) = store.accounts(&PostFilter::default()).await.unwrap();
    let (a, b) = (accounts[0].id, accounts[1].id);
    let mark = |mark: &str| MarkRow {
        account_id: a,
        mark: mark.into(),
        note: "<b>seller</b>".into(),
        user: None,
        time: now,
    };
    store.set_mark(&mark("key")).await.unwrap();
    store.set_mark(&mark("watch")).await.unwrap();
    assert_eq!(store.marks().await.unwrap(), [mark("watch")]);
    assert!(store.set_mark(&mark("odd")).await.is_err());
    store.remove_mark(a).await.unwrap();
    assert!(store.marks().await.unwrap().is_empty());

    // A verdict on a pair that was never proposed stands on its own and goes when it is taken back.
    store.set_verdict(b, a, Some("accepted")).await.unwrap();
    let rows = store.aliases_of(a).await.unwrap();
    assert_eq!((rows.len(), rows[0].verdict.as_deref(), rows[0].probability), (1, Some("accepted"), 1.0));
    store.set_verdict(a, b, None).await.unwrap();
    assert!(store.aliases_of(a).await.unwrap().is_empty());
    // One on a candidate outlives the next ranking; taken back, the candidate stays.
    let candidate = AliasRow {
        a: a.min(b),
        b: a.max(b),
        probability: 0.7,
        reasons: vec![("same wallet".into(), 2.0)],
        verdict: None,
    };
    store.replace_aliases(std::slice::from_ref(&candidate)).await.unwrap();
    store.set_verdict(a, b, Some("rejected")).await.unwrap();
    store.replace_aliases(&[]).await.unwrap();
    assert_eq!(store.aliases_of(b).await.unwrap()[0].verdict.as_deref(), Some("rejected"));
    store.set_verdict(a, b, None).await.unwrap();
    assert_eq!(store.aliases_of(b).await.unwrap(), [candidate]);
}

async fn what_is_new_is_cheap_to_ask(kind: Kind) {
    let Some(store) = services::open(kind).await else { return };
    assert_eq!(store.pulse().await.unwrap(), Pulse::default());
    store.store_crawled("F", &[post("1", "a"), post("2", "b")], &[]).await.unwrap();
    let first = store.pulse().await.unwrap();
    store.store_crawled("G", &[post("1", "a")], &[]).await.unwrap();
    assert_eq!(store.posts_above(first.newest_post).await.unwrap(), [("G".to_owned(), 1)]);
    store.replace_threats(&[]).await.unwrap();
    store.replace_threats(&[]).await.unwrap();
    assert_eq!(store.pulse().await.unwrap().conclusions, 2);
}

crate::on_both_stores!(users_sessions_and_tokens, searches_marks_and_verdicts, what_is_new_is_cheap_to_ask);
