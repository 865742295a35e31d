//! Discuz! X1 to X3.5, and 6 to 7.2 with its shorter table names. Texts are stored as written, subjects escaped; edit
//! notes and the header of quotes stand inside the text. Large forums split posts over `forum_post_1`, `_2` and so on.

use super::{
    Engine, Outcome, Role, TableRule,
    known::{Draft, Known, State, named},
};
use crate::{Bbcode, Options, clean_bbcode, decode_entities, field::name, sql::Row};

pub(super) struct Discuz;

const TABLES: [TableRule; 5] = [
    TableRule { role: Role::Settings, names: &["common_setting"], columns: &["skey", "svalue"] },
    TableRule { role: Role::Boards, names: &["forum_forum", "forums"], columns: &["fid", "fup", "name"] },
    TableRule {
        role: Role::Threads,
        names: &["forum_thread", "threads"],
        columns: &["tid", "fid", "subject", "displayorder"],
    },
    TableRule {
        role: Role::Users,
        names: &["common_member", "members"],
        columns: &["uid", "username", "groupid"],
    },
    TableRule {
        role: Role::Posts,
        names: &["forum_post", "posts"],
        columns: &["pid", "tid", "first", "authorid", "message", "invisible"],
    },
];

/// `displayorder` of threads: above zero stands on top, below zero is out of sight.
fn thread_state(order: Option<i64>, closed: Option<i64>) -> State {
    match order {
        // `closed` holds 1 for closed, or the thread that this one was moved to.
        _ if closed.is_some_and(|closed| closed > 1) => State::Moved,
        Some(-1) => State::Deleted,
        Some(-4) => State::Draft,
        Some(order) if order < 0 => State::Unapproved,
        _ => State::Visible,
    }
}

/// `invisible` of posts.
fn post_state(invisible: Option<i64>) -> State {
    match invisible {
        None | Some(0) => State::Visible,
        Some(-1 | -5) => State::Deleted,
        Some(-3) => State::Draft,
        Some(_) => State::Unapproved,
    }
}

/// When the note inside a text says that it was edited: `本帖最后由 NAME 于 2024-1-6 02:55 编辑`, to the minute, in the
/// zone that every Discuz! board has unless its owner changed it.
fn edited(text: &str) -> Option<i64> {
    const ZONE: i64 = 8 * 3600;
    let head = &text[..text.floor_char_boundary(400)];
    let (_, note) = head.split_once("本帖最后由 ").or_else(|| head.split_once("本帖最後由 "))?;
    let (note, _) = note.split_once(" 编辑").or_else(|| note.split_once(" 編輯"))?;
    let (_, date) = note.rsplit_once(" 于 ").or_else(|| note.rsplit_once(" 於 "))?;
    let mut numbers = date.split(['-', ' ', ':']).map(|n| n.parse::<i16>().ok());
    let mut next = || numbers.next().flatten();
    let (year, month, day, hour, minute) = (next()?, next()?, next()?, next()?, next()?);
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?);
    let local = jiff::civil::DateTime::new(year, month, day, hour, minute, 0, 0).ok()?;
    Some(local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second() - ZONE)
}

impl Engine for Discuz {
    fn name(&self) -> &'static str {
        "Discuz!"
    }
    fn tables(&self) -> &'static [TableRule] {
        &TABLES
    }
    fn splits_tables(&self) -> bool {
        true
    }

    fn learn(&self, role: Role, row: &Row, known: &mut Known) {
        match role {
            Role::Settings if row.text("skey") == "bbname" => known.forum = name(&row.text("svalue")),
            Role::Boards => known.board(row.id("fid"), &decode_entities(&row.text("name"))),
            Role::Users => known.user(row.id("uid"), &row.text("username")),
            Role::Threads => {
                let sticky = row.int("displayorder").is_some_and(|order| order > 0);
                let state = thread_state(row.int("displayorder"), row.int("closed"));
                known.thread(
                    row.id("tid"),
                    row.id("fid"),
                    &decode_entities(&row.text("subject")),
                    state,
                    sticky,
                );
            }
            _ => {}
        }
    }

    fn post(&self, row: &Row, known: &Known, options: &Options) -> Outcome {
        let user = row.id("authorid").and_then(|id| known.users.get(&id).cloned());
        let draft = Draft {
            id: row.id("pid"),
            thread: row.id("tid"),
            board: row.id("fid"),
            title: name(&decode_entities(&row.text("subject"))),
            author: user.or_else(|| named(row, "author")),
            time: row.int("dateline"),
            state: post_state(row.int("invisible")),
            reply_to: row.id("repid"),
            edited: edited(&row.text("message")),
        };
        let bbcode = Bbcode { link_targets: options.link_targets, ..Bbcode::default() };
        draft.join(known, || clean_bbcode(&row.text("message"), &bbcode))
    }
}
