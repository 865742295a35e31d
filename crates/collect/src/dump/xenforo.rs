//! XenForo 1 and 2. Texts, titles and handles are stored as written.

use super::{
    Engine, Outcome, Role, TableRule,
    known::{Draft, Known, State, named},
};
use crate::{Bbcode, Options, clean_bbcode, field::name, sql::Row};

pub(super) struct Xenforo;

const TABLES: [TableRule; 5] = [
    TableRule { role: Role::Settings, names: &["option"], columns: &["option_id", "option_value"] },
    TableRule { role: Role::Boards, names: &["node"], columns: &["node_id", "title", "node_type_id"] },
    TableRule {
        role: Role::Threads,
        names: &["thread"],
        columns: &["thread_id", "node_id", "title", "discussion_state"],
    },
    TableRule { role: Role::Users, names: &["user"], columns: &["user_id", "username", "user_group_id"] },
    TableRule {
        role: Role::Posts,
        names: &["post"],
        columns: &["post_id", "thread_id", "message", "message_state"],
    },
];

/// `discussion_state` of threads, `message_state` of posts.
fn state(value: &str) -> State {
    match value {
        "" | "visible" => State::Visible,
        "deleted" => State::Deleted,
        _ => State::Unapproved,
    }
}

impl Engine for Xenforo {
    fn name(&self) -> &'static str {
        "XenForo"
    }
    fn tables(&self) -> &'static [TableRule] {
        &TABLES
    }

    fn learn(&self, role: Role, row: &Row, known: &mut Known) {
        match role {
            Role::Settings if row.text("option_id") == "boardTitle" => {
                known.forum = name(&row.text("option_value"));
            }
            Role::Boards => known.board(row.id("node_id"), &row.text("title")),
            Role::Users => known.user(row.id("user_id"), &row.text("username")),
            Role::Threads => {
                let moved = row.text("discussion_type") == "redirect";
                let state = if moved { State::Moved } else { state(&row.text("discussion_state")) };
                let sticky = row.int("sticky") == Some(1);
                known.thread(row.id("thread_id"), row.id("node_id"), &row.text("title"), state, sticky);
            }
            _ => {}
        }
    }

    fn post(&self, row: &Row, known: &Known, options: &Options) -> Outcome {
        let draft = Draft {
            id: row.id("post_id"),
            thread: row.id("thread_id"),
            board: None,
            title: None,
            author: known.handle(row.id("user_id")).or_else(|| named(row, "username")),
            time: row.int("post_date"),
            state: state(&row.text("message_state")),
            reply_to: None,
            edited: row.int("last_edit_date"),
        };
        let bbcode = Bbcode { link_targets: options.link_targets, ..Bbcode::default() };
        draft.join(known, || clean_bbcode(&row.text("message"), &bbcode))
    }
}
