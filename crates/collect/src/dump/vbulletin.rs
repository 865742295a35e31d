//! vBulletin 3 and 4. Texts are stored as written; titles and handles are escaped.

use super::{
    Engine, Outcome, Role, TableRule,
    known::{Draft, Known, State},
};
use crate::{Bbcode, Options, clean_bbcode, decode_entities, field::name, sql::Row};

pub(super) struct Vbulletin;

const TABLES: [TableRule; 6] = [
    TableRule { role: Role::Settings, names: &["setting"], columns: &["varname", "value", "grouptitle"] },
    TableRule { role: Role::Boards, names: &["forum"], columns: &["forumid", "title", "parentid"] },
    TableRule { role: Role::Threads, names: &["thread"], columns: &["threadid", "forumid", "title", "open"] },
    TableRule { role: Role::Users, names: &["user"], columns: &["userid", "username", "usergroupid"] },
    TableRule { role: Role::Edits, names: &["editlog"], columns: &["postid", "userid", "dateline"] },
    TableRule { role: Role::Posts, names: &["post"], columns: &["postid", "threadid", "pagetext"] },
];

/// `visible` of threads and posts.
fn state(visible: Option<i64>) -> State {
    match visible {
        None | Some(1) => State::Visible,
        Some(2) => State::Deleted,
        Some(_) => State::Unapproved,
    }
}

/// `open` of a stub that points to where a thread was moved; `pollid` holds the target.
const REDIRECT: i64 = 10;

impl Engine for Vbulletin {
    fn name(&self) -> &'static str {
        "vBulletin"
    }
    fn tables(&self) -> &'static [TableRule] {
        &TABLES
    }

    fn learn(&self, role: Role, row: &Row, known: &mut Known) {
        match role {
            Role::Settings if row.text("varname") == "bbtitle" => {
                known.forum = name(&decode_entities(&row.text("value")));
            }
            Role::Boards => known.board(row.id("forumid"), &decode_entities(&row.text("title"))),
            Role::Users => known.user(row.id("userid"), &decode_entities(&row.text("username"))),
            Role::Edits => {
                if let (Some(post), Some(time)) = (row.id("postid"), row.int("dateline")) {
                    known.edits.insert(post, time);
                }
            }
            Role::Threads => {
                let moved = row.int("open") == Some(REDIRECT);
                let state = if moved { State::Moved } else { state(row.int("visible")) };
                let (title, sticky) = (row.text("title"), row.int("sticky") == Some(1));
                let title = decode_entities(&title);
                known.thread(row.id("threadid"), row.id("forumid"), &title, state, sticky);
            }
            _ => {}
        }
    }

    fn post(&self, row: &Row, known: &Known, options: &Options) -> Outcome {
        let id = row.id("postid");
        let stored = name(&decode_entities(&row.text("username")));
        let draft = Draft {
            id,
            thread: row.id("threadid"),
            board: None,
            title: None,
            author: known.handle(row.id("userid")).or(stored),
            time: row.int("dateline"),
            state: state(row.int("visible")),
            reply_to: row.id("parentid"),
            edited: id.and_then(|id| known.edits.get(&id).copied()),
        };
        let bbcode = Bbcode { link_targets: options.link_targets, ..Bbcode::default() };
        draft.join(known, || clean_bbcode(&row.text("pagetext"), &bbcode))
    }
}
