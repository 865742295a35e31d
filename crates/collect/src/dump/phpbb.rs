//! phpBB 3.0 to 3.3. Since 3.2 texts are stored as XML; before, as escaped BBCode whose tags carry the row's
//! `bbcode_uid`, with HTML for links and smilies. Names and titles are escaped.

use super::{
    Engine, Outcome, Role, TableRule,
    known::{Draft, Known, State, answered_title},
};
use crate::{
    Bbcode, Cleaned, Options, clean_bbcode, clean_s9e, decode_entities, field::name, flatten_html, sql::Row,
};

pub(super) struct Phpbb;

const TABLES: [TableRule; 5] = [
    TableRule { role: Role::Settings, names: &["config"], columns: &["config_name", "config_value"] },
    TableRule { role: Role::Boards, names: &["forums"], columns: &["forum_id", "forum_name", "left_id"] },
    TableRule { role: Role::Threads, names: &["topics"], columns: &["topic_id", "forum_id", "topic_title"] },
    TableRule { role: Role::Users, names: &["users"], columns: &["user_id", "username", "username_clean"] },
    TableRule {
        role: Role::Posts,
        names: &["posts"],
        columns: &["post_id", "topic_id", "poster_id", "post_text"],
    },
];

/// `visibility` since 3.1, `approved` before.
fn state(visibility: Option<i64>, approved: Option<i64>) -> State {
    match visibility.or(approved) {
        None | Some(1) => State::Visible,
        Some(2) => State::Deleted,
        Some(_) => State::Unapproved,
    }
}

/// The user that stands for guests and deleted accounts.
const ANONYMOUS: u64 = 1;

fn clean(row: &Row, options: &Options) -> Cleaned {
    let text = row.text("post_text");
    if text.starts_with("<r>") || text.starts_with("<t>") || text.starts_with("<r ") {
        return clean_s9e(&text, options.link_targets);
    }
    let uid = row.text("bbcode_uid");
    let bbcode = Bbcode { escaped: true, uid: Some(&uid), link_targets: options.link_targets };
    clean_bbcode(&flatten_html(&text), &bbcode)
}

impl Engine for Phpbb {
    fn name(&self) -> &'static str {
        "phpBB"
    }
    fn tables(&self) -> &'static [TableRule] {
        &TABLES
    }

    fn learn(&self, role: Role, row: &Row, known: &mut Known) {
        match role {
            Role::Settings if row.text("config_name") == "sitename" => {
                known.forum = name(&decode_entities(&row.text("config_value")));
            }
            Role::Boards => known.board(row.id("forum_id"), &decode_entities(&row.text("forum_name"))),
            Role::Users => known.user(row.id("user_id"), &decode_entities(&row.text("username"))),
            Role::Threads => {
                let moved = row.int("topic_status") == Some(2);
                let seen = state(row.int("topic_visibility"), row.int("topic_approved"));
                let state = if moved { State::Moved } else { seen };
                let title = row.text("topic_title");
                // Sticky, an announcement, a global announcement.
                let sticky = row.int("topic_type").is_some_and(|kind| kind > 0);
                known.thread(row.id("topic_id"), row.id("forum_id"), &decode_entities(&title), state, sticky);
            }
            _ => {}
        }
    }

    fn post(&self, row: &Row, known: &Known, options: &Options) -> Outcome {
        let user = row.id("poster_id").filter(|id| *id != ANONYMOUS);
        let stored = name(&decode_entities(&row.text("post_username")));
        let draft = Draft {
            id: row.id("post_id"),
            thread: row.id("topic_id"),
            board: row.id("forum_id"),
            title: answered_title(&decode_entities(&row.text("post_subject"))),
            author: user.and_then(|id| known.users.get(&id).cloned()).or(stored),
            time: row.int("post_time"),
            state: state(row.int("post_visibility"), row.int("post_approved")),
            reply_to: None,
            edited: row.int("post_edit_time"),
        };
        draft.join(known, || clean(row, options))
    }
}
