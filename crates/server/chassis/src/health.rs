use std::{collections::BTreeMap, fmt, future::Future, time::Duration};

use futures_util::future::{BoxFuture, FutureExt, join_all};

/// A check that takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(5);

type Check = Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The readiness checks of all roles.
pub struct Health {
    patience: Duration,
    checks: Vec<(&'static str, Check)>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            patience: PATIENCE,
            checks: Vec::new(),
        }
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.checks.iter().map(|(name, _)| name))
            .finish()
    }
}

impl Health {
    /// Adds a check: run whenever readiness is asked for, failing with a sentence for the operator (no secrets: the
    /// answer is public).
    pub fn check<C, F>(&mut self, name: &'static str, check: C)
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks.push((name, Box::new(move || check().boxed())));
    }

    /// Runs all checks at once and gives the failed ones by name; empty when the server is ready.
    pub async fn failures(&self) -> BTreeMap<&'static str, String> {
        let runs = self.checks.iter().map(|(name, check)| async move {
            let outcome = tokio::time::timeout(self.patience, check()).await;
            let failure = outcome
                .unwrap_or_else(|_| Err("timed out".to_owned()))
                .err()?;
            Some((*name, failure))
        });
        join_all(runs).await.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Health;

    #[tokio::test]
    async fn failures_and_stalled_checks_are_named() {
        let mut health = Health {
            patience: Duration::from_millis(10),
            ..Health::default()
        };
        assert!(health.failures().await.is_empty());
        health.check("fine", || async { Ok(()) });
        health.check("broken", || async { Err("no disk".to_owned()) });
        health.check("stalled", std::future::pending);
        let failures = health.failures().await;
        assert_eq!(failures.len(), 2);
        assert_eq!(failures["broken"], "no disk");
        assert_eq!(failures["stalled"], "timed out");
    }
}
