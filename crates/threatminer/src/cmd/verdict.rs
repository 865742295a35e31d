//! `actors NAME --same|--different|--undecided OTHER`: an analyst's word on whether two accounts are one person.

use crate::cli::Actors;
use crate::output;
use anyhow::bail;
use tm_store::{AccountRow, AuditRow, PostFilter, Store};

/// Writes the verdict that the options ask for, if they ask for one.
pub async fn write(store: &dyn Store, options: &Actors) -> anyhow::Result<()> {
    let (other, verdict, words) = match (&options.same, &options.different, &options.undecided) {
        (Some(other), _, _) => (other, Some("accepted"), "the same person"),
        (_, Some(other), _) => (other, Some("rejected"), "different persons"),
        (_, _, Some(other)) => (other, None, "undecided"),
        _ => return Ok(()),
    };
    let name = options.name.as_deref().unwrap_or_default();
    let one = account(store, name, options.forum.as_deref()).await?;
    let other = account(store, other, None).await?;
    if one.id == other.id {
        bail!("'{name}' is always the same as itself");
    }
    store.set_verdict(one.id, other.id, verdict).await?;
    let object = format!("{} of {} and {} of {}: {words}", one.name, one.forum, other.name, other.forum);
    store
        .add_audit(&AuditRow {
            id: 0,
            time: crate::collection::now(),
            user: None,
            action: "decide alias".into(),
            object: object.clone(),
            address: "command line".into(),
        })
        .await?;
    output::note(object);
    Ok(())
}

/// The one account of a name, or of `name@forum`.
async fn account(store: &dyn Store, text: &str, forum: Option<&str>) -> anyhow::Result<AccountRow> {
    let whole = find(store, text, forum).await?;
    let found = match text.rsplit_once('@') {
        // A handle may hold an @ itself.
        Some((name, forum)) if whole.is_empty() && !name.is_empty() => find(store, name, Some(forum)).await?,
        _ => whole,
    };
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => bail!("no account '{text}'"),
        several => {
            let names: Vec<String> = several.iter().map(|a| format!("'{}@{}'", a.name, a.forum)).collect();
            bail!("several accounts are called '{text}': say which of {}", names.join(", "))
        }
    }
}

async fn find(store: &dyn Store, name: &str, forum: Option<&str>) -> anyhow::Result<Vec<AccountRow>> {
    let filter =
        PostFilter { text: Some(name.to_owned()), forum: forum.map(str::to_owned), ..PostFilter::default() };
    let (_, mut rows) = store.accounts(&filter).await?;
    rows.retain(|a| a.name.to_lowercase() == name.to_lowercase());
    Ok(rows)
}
