//! Logging in and out, and the first user.

use super::{Answer, ApiError, App};
use crate::access::{self, LONGEST, Need, Origin, Role, SELF, Who, check_name, check_password, now, random};
use crate::route::Route;
use crate::{AppState, access::hash};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use tm_model::Timestamp;
use tm_store::{AuditRow, NewUser, SessionRow, UserChange, UserRow};

pub(super) fn routes() -> Vec<Route> {
    let path = "/api/v1/session";
    vec![
        Route::new(Method::GET, path, Need::Nobody, "session", get(session))
            .says("Who is logged in, and whether a login is needed")
            .answers("Session"),
        Route::new(Method::POST, path, Need::Nobody, "log_in", post(log_in))
            .says("Logs in and sets the session's cookie")
            .takes("{ name: string; password: string }")
            .answers("Session"),
        Route::new(Method::DELETE, path, Need::Nobody, "log_out", delete(log_out))
            .says("Ends the session")
            .audited("log out"),
        Route::new(Method::POST, "/api/v1/session/password", SELF, "change_password", post(change_password))
            .says("Changes the user's own password and ends its sessions")
            .takes("{ current: string; password: string }")
            .audited("change own password"),
        Route::new(Method::POST, "/api/v1/setup", Need::Nobody, "set_up", post(set_up))
            .says("Makes the first administrator with the secret of the link that the server printed, and logs in")
            .takes("{ token: string; name: string; password: string }")
            .answers("Session"),
    ]
}

async fn shown(app: &AppState, user: Option<Value>) -> Result<Value, ApiError> {
    let users = app.access.has_users(&*app.store).await?;
    let mode = if app.access.open(&*app.store).await? { "open" } else { "accounts" };
    Ok(json!({"mode": mode, "setup": !users, "user": user}))
}

async fn session(State(app): App, who: Option<Extension<Who>>) -> Answer {
    let user = who.and_then(|Extension(w)| {
        let (id, name) = w.user?;
        Some(json!({"id": id, "name": name, "role": w.role.as_str()}))
    });
    Ok(Json(shown(&app, user).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    name: String,
    password: String,
}

async fn note(
    app: &AppState,
    user: Option<&str>,
    action: &str,
    object: &str,
    from: Origin,
) -> Result<(), ApiError> {
    let entry = AuditRow {
        id: 0,
        time: now(),
        user: user.map(str::to_owned),
        action: action.to_owned(),
        object: object.chars().take(64).collect(),
        address: from.0.to_string(),
    };
    Ok(app.store.add_audit(&entry).await?)
}

async fn log_in(
    State(app): App,
    Extension(from): Extension<Origin>,
    Json(asked): Json<Login>,
) -> Result<Response, ApiError> {
    let name = asked.name.trim().to_owned();
    app.access.limiter.attempt(&name, from.0, now().0).map_err(ApiError::TooMany)?;
    let user = app.store.user_named(&name).await?.filter(|u| !u.disabled);
    // Without such a user the same work is done: neither answer nor time tells who exists.
    let right = app.access.passwords.verify(asked.password, user.as_ref().map(|u| u.password.clone())).await;
    match user {
        Some(user) if right => {
            app.access.limiter.succeeded(&name, from.0);
            note(&app, Some(&user.name), "log in", "session", from).await?;
            begin(&app, &user).await
        }
        _ => {
            note(&app, None, "failed login", &name, from).await?;
            Err(ApiError::Unknown("name or password is wrong".into()))
        }
    }
}

/// Begins a session and answers with its cookie.
async fn begin(app: &AppState, user: &UserRow) -> Result<Response, ApiError> {
    let secret = random().ok_or_else(|| ApiError::Failed("the system gives no randomness".into()))?;
    let now = now();
    app.store
        .add_session(&SessionRow {
            hash: hash(&secret),
            user_id: user.id,
            created: now,
            seen: now,
            expires: Timestamp(now.0 + LONGEST),
        })
        .await?;
    let user = json!({"id": user.id, "name": user.name, "role": user.role});
    let mut response = Json(shown(app, Some(user)).await?).into_response();
    set_cookie(app, &mut response, &secret, LONGEST)?;
    Ok(response)
}

fn set_cookie(app: &AppState, response: &mut Response, value: &str, age: i64) -> Result<(), ApiError> {
    let secure = if app.access.secure { "; Secure" } else { "" };
    let name = app.access.cookie();
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}");
    let value = HeaderValue::from_str(&text).map_err(|e| ApiError::Failed(e.to_string()))?;
    response.headers_mut().insert(header::SET_COOKIE, value);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(())
}

async fn log_out(State(app): App, headers: HeaderMap) -> Result<Response, ApiError> {
    if let (_, Some(secret)) = access::credentials(&headers, app.access.cookie()) {
        app.store.end_session(&hash(&secret)).await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&app, &mut response, "", 0)?;
    Ok(response)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    current: String,
    password: String,
}

async fn change_password(
    State(app): App,
    Extension(who): Extension<Who>,
    Json(asked): Json<NewPassword>,
) -> Result<StatusCode, ApiError> {
    let Some((id, name)) = who.user else {
        return Err(ApiError::Conflict("there is no user yet; use the link that the server printed".into()));
    };
    app.access.limiter.attempt(&name, who.address, now().0).map_err(ApiError::TooMany)?;
    let user = app.store.user_named(&name).await?;
    if !app.access.passwords.verify(asked.current, user.map(|u| u.password)).await {
        return Err(ApiError::Forbidden("the current password is wrong".into()));
    }
    app.access.limiter.succeeded(&name, who.address);
    check_password(&asked.password, &name).map_err(ApiError::Bad)?;
    let password = app.access.passwords.hash(asked.password).await.map_err(ApiError::Failed)?;
    app.store.change_user(id, &UserChange { password: Some(password), ..UserChange::default() }).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    token: String,
    name: String,
    password: String,
}

async fn set_up(
    State(app): App,
    Extension(from): Extension<Origin>,
    Json(asked): Json<First>,
) -> Result<Response, ApiError> {
    if app.access.has_users(&*app.store).await? {
        return Err(ApiError::Conflict("there is a user already; log in".into()));
    }
    app.access.limiter.attempt("", from.0, now().0).map_err(ApiError::TooMany)?;
    if !app.access.is_setup(&asked.token) {
        return Err(ApiError::Forbidden("this link is not the one that the server printed last".into()));
    }
    app.access.limiter.succeeded("", from.0);
    let name = check_name(&asked.name).map_err(ApiError::Bad)?;
    check_password(&asked.password, &name).map_err(ApiError::Bad)?;
    let password = app.access.passwords.hash(asked.password).await.map_err(ApiError::Failed)?;
    let new = NewUser {
        name: name.clone(),
        role: Role::Admin.as_str().into(),
        password,
        created: now(),
        first: true,
    };
    if app.store.add_user(&new).await?.is_none() {
        return Err(ApiError::Conflict("there is a user already; log in".into()));
    }
    app.access.end_setup();
    note(&app, Some(&name), "set up", "first administrator", from).await?;
    let user = app.store.user_named(&name).await?;
    begin(&app, &user.ok_or_else(|| ApiError::Failed("the new user is gone".into()))?).await
}
