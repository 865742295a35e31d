//! FluxBB 1.4 and 1.5, and PunBB 1.2 to 1.4, from which it comes. Everything is stored as written; nothing waits for
//! approval, deleted posts are gone.

use super::{
    Engine, Outcome, Role, TableRule,
    known::{Draft, Known, State, named},
};
use crate::{Bbcode, Options, clean_bbcode, field::name, sql::Row};

pub(super) struct Fluxbb;

const TABLES: [TableRule; 5] = [
    TableRule { role: Role::Settings, names: &["config"], columns: &["conf_name", "conf_value"] },
    TableRule { role: Role::Boards, names: &["forums"], columns: &["id", "forum_name", "cat_id"] },
    TableRule {
        role: Role::Threads,
        names: &["topics"],
        columns: &["id", "subject", "forum_id", "moved_to"],
    },
    TableRule { role: Role::Users, names: &["users"], columns: &["id", "group_id", "username"] },
    TableRule {
        role: Role::Posts,
        names: &["posts"],
        columns: &["id", "poster", "message", "posted", "topic_id"],
    },
];

/// The user that stands for guests and deleted accounts.
const GUEST: u64 = 1;

impl Engine for Fluxbb {
    fn name(&self) -> &'static str {
        "FluxBB"
    }
    fn tables(&self) -> &'static [TableRule] {
        &TABLES
    }

    fn learn(&self, role: Role, row: &Row, known: &mut Known) {
        match role {
            Role::Settings if row.text("conf_name") == "o_board_title" => {
                known.forum = name(&row.text("conf_value"));
            }
            Role::Boards => known.board(row.id("id"), &row.text("forum_name")),
            Role::Users => known.user(row.id("id"), &row.text("username")),
            Role::Threads => {
                let state = if row.id("moved_to").is_some() { State::Moved } else { State::Visible };
                known.thread(
                    row.id("id"),
                    row.id("forum_id"),
                    &row.text("subject"),
                    state,
                    row.int("sticky") == Some(1),
                );
            }
            _ => {}
        }
    }

    fn post(&self, row: &Row, known: &Known, options: &Options) -> Outcome {
        let user = row.id("poster_id").filter(|id| *id != GUEST);
        let draft = Draft {
            id: row.id("id"),
            thread: row.id("topic_id"),
            board: None,
            title: None,
            author: user.and_then(|id| known.users.get(&id).cloned()).or_else(|| named(row, "poster")),
            time: row.int("posted"),
            state: State::Visible,
            reply_to: None,
            edited: row.int("edited"),
        };
        let bbcode = Bbcode { link_targets: options.link_targets, ..Bbcode::default() };
        draft.join(known, || clean_bbcode(&row.text("message"), &bbcode))
    }
}
