//! What proves who someone is: random secrets and passwords. Of both only hashes are stored.

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// 256 random bits in hexadecimal; none when the system gives no randomness.
pub fn random() -> Option<String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

/// What of a secret is stored. One pass of a fast hash is enough: nobody guesses 256 random bits.
pub(crate) fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

/// Shortest password, in code points (NIST SP 800-63B asks for eight; ten costs a user little).
const SHORTEST: usize = 10;
/// Longest password, in bytes.
const LONGEST: usize = 1024;

/// Says what is wrong with a new password.
///
/// # Errors
/// In words for the user.
pub fn check(password: &str, name: &str) -> Result<(), String> {
    if password.chars().count() < SHORTEST {
        return Err(format!("the password needs at least {SHORTEST} characters"));
    }
    if password.len() > LONGEST {
        return Err(format!("the password must not be longer than {LONGEST} bytes"));
    }
    if password.to_lowercase() == name.to_lowercase() {
        return Err("the password must not be the name".into());
    }
    Ok(())
}

/// Hashes a password with argon2id (RFC 9106) and a salt of 128 random bits; 19 MiB, two passes, as OWASP recommends.
///
/// # Errors
/// In words, when the system gives no randomness or memory.
pub fn hash_password(password: &str) -> Result<String, String> {
    let mut salt = [0u8; 16];
    getrandom::fill(&mut salt).map_err(|e| format!("no randomness: {e}"))?;
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|h| h.to_string()).map_err(|e| format!("the password cannot be hashed: {e}"))
}

/// Hashes and checks passwords off the threads that serve, two at a time: each takes 19 MiB and some 20 ms.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    /// A hash of nothing, checked when there is no such user, so that the answer takes as long.
    nobody: Arc<str>,
}

impl Default for Passwords {
    fn default() -> Passwords {
        let nobody = random().and_then(|p| hash_password(&p).ok()).unwrap_or_default();
        Passwords { turns: Arc::new(Semaphore::new(2)), nobody: nobody.into() }
    }
}

impl Passwords {
    pub(crate) async fn hash(&self, password: String) -> Result<String, String> {
        let _turn = self.turns.acquire().await.map_err(|e| e.to_string())?;
        tokio::task::spawn_blocking(move || hash_password(&password)).await.map_err(|e| e.to_string())?
    }

    /// True when the password is that of the hash; without a hash the same work and false.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> bool {
        let Ok(_turn) = self.turns.acquire().await else { return false };
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.to_string());
        // More than a password may have would only make the hash slow.
        let fits = password.len() <= LONGEST;
        let checked = tokio::task::spawn_blocking(move || {
            fits && Argon2::default().verify_password(password.as_bytes(), hash.as_str()).is_ok()
        });
        checked.await.unwrap_or(false) && known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passwords_are_salted_and_checked() {
        let all = Passwords::default();
        let one = all.hash("correct horse".into()).await.unwrap();
        let two = all.hash("correct horse".into()).await.unwrap();
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && one != two);
        assert!(all.verify("correct horse".into(), Some(one.clone())).await);
        assert!(!all.verify("correct horsf".into(), Some(one)).await);
        assert!(!all.verify("correct horse".into(), None).await);
        assert!(!all.verify("correct horse".into(), Some("no hash".into())).await);
        assert!(check("short", "a").is_err() && check("пароль-пароль", "a").is_ok());
        assert!(check("Administrator", "administrator").is_err());
    }

    #[test]
    fn secrets_differ() {
        let (a, b) = (random().unwrap(), random().unwrap());
        assert!(a.len() == 64 && a != b && hash(&a) != a && hash(&a) == hash(&a));
    }
}
