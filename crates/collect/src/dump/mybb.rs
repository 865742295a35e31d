//! MyBB 1.4 to 1.8. Texts, subjects and handles are stored as written; names of boards are escaped.

use super::{
    Engine, Outcome, Role, TableRule,
    known::{Draft, Known, State, answered_title, named},
};
use crate::{Bbcode, Options, clean_bbcode, decode_entities, sql::Row};

pub(super) struct Mybb;

const TABLES: [TableRule; 5] = [
    TableRule {
        role: Role::Settings,
        names: &["settings"],
        columns: &["sid", "name", "value", "optionscode"],
    },
    TableRule { role: Role::Boards, names: &["forums"], columns: &["fid", "name", "parentlist"] },
    TableRule { role: Role::Threads, names: &["threads"], columns: &["tid", "fid", "subject", "firstpost"] },
    TableRule { role: Role::Users, names: &["users"], columns: &["uid", "username", "usergroup"] },
    TableRule {
        role: Role::Posts,
        names: &["posts"],
        columns: &["pid", "tid", "message", "dateline", "visible"],
    },
];

/// How `visible` is to be read, of posts and of threads.
fn state(visible: Option<i64>) -> State {
    match visible {
        None | Some(1) => State::Visible,
        Some(-1) => State::Deleted,
        Some(-2) => State::Draft,
        Some(_) => State::Unapproved,
    }
}

impl Engine for Mybb {
    fn name(&self) -> &'static str {
        "MyBB"
    }
    fn tables(&self) -> &'static [TableRule] {
        &TABLES
    }

    fn learn(&self, role: Role, row: &Row, known: &mut Known) {
        match role {
            Role::Settings if row.text("name") == "bbname" => {
                known.forum = crate::field::name(&decode_entities(&row.text("value")));
            }
            Role::Boards => known.board(row.id("fid"), &decode_entities(&row.text("name"))),
            Role::Users => known.user(row.id("uid"), &row.text("username")),
            Role::Threads => {
                let moved = row.text("closed").starts_with("moved|");
                let state = if moved { State::Moved } else { state(row.int("visible")) };
                known.thread(
                    row.id("tid"),
                    row.id("fid"),
                    &row.text("subject"),
                    state,
                    row.int("sticky") == Some(1),
                );
            }
            _ => {}
        }
    }

    fn post(&self, row: &Row, known: &Known, options: &Options) -> Outcome {
        let draft = Draft {
            id: row.id("pid"),
            thread: row.id("tid"),
            board: row.id("fid"),
            title: answered_title(&row.text("subject")),
            author: row
                .id("uid")
                .and_then(|uid| known.users.get(&uid).cloned())
                .or_else(|| named(row, "username")),
            time: row.int("dateline"),
            state: state(row.int("visible")),
            reply_to: row.id("replyto"),
            edited: row.int("edittime"),
        };
        let bbcode = Bbcode { link_targets: options.link_targets, ..Bbcode::default() };
        draft.join(known, || clean_bbcode(&row.text("message"), &bbcode))
    }
}
