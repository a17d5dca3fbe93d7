//! Identity tokens: given, of the CI system, or of a person who logs in.

use std::time::Duration;

use keyless::Http;
use keyless::oauth::{ClientId, Issuer, Listener, OUT_OF_BAND, OauthFault};
use keyless::token::{
    Ambient, Environment, IdentityToken, Origin, Provider, TokenRequest, identity_token,
};

use super::Client;
use crate::personas::cosign::error::Error;
use crate::personas::cosign::party::{Flow, IdentityOptions};
use crate::prompt;

/// How long a person may take in the browser.
const BROWSER: Duration = Duration::from_secs(120);

impl Client<'_> {
    /// A token: given, offered by the CI system, or of a person who logs in now.
    pub(super) async fn token(
        &self,
        http: &Http,
        options: &IdentityOptions,
        provider: Option<&str>,
    ) -> Result<IdentityToken, Error> {
        let process = self.process;
        let variables = |name: &str| process.var(name).map(str::to_owned);
        let environment = Environment::new(&variables);
        let found = identity_token(
            http,
            &environment,
            TokenRequest {
                given: options.token.as_deref().map(String::as_str),
                ambient: ambient(options)?,
                audience: &options.client_id,
            },
            process.now(),
        )
        .await?;
        if let Some((token, origin)) = found {
            if let Origin::Ambient(provider) = origin {
                tracing::debug!(%provider, "identity token");
            }
            return Ok(token);
        }
        match provider.filter(|_| options.flow != Some(Flow::Token)) {
            Some(url) => self.log_in(http, options, url).await,
            None => Err(Error::NoToken),
        }
    }

    /// The token of a person who logs in, or of the client itself.
    async fn log_in(
        &self,
        http: &Http,
        options: &IdentityOptions,
        url: &str,
    ) -> Result<IdentityToken, Error> {
        let process = self.process;
        let client = ClientId {
            id: options.client_id.clone(),
            secret: options.client_secret.clone(),
        };
        let issuer = Issuer::discover(http.clone(), url, client).await?;
        let flow = match options.flow {
            Some(flow) => flow,
            None if process.terminals().stdin => Flow::Browser,
            None => {
                process.err("Non-interactive mode detected, using device flow.\n");
                Flow::Device
            }
        };
        match flow {
            Flow::Device => self.device(&issuer).await,
            Flow::ClientCredentials => Ok(issuer.client_credentials(process.now()).await?),
            Flow::Browser | Flow::Token => {
                let refused = |fault: OauthFault| Error::Usage {
                    problem: fault.to_string(),
                };
                let redirect = options.redirect.as_deref();
                let listener = match redirect {
                    None => Some(Listener::bind().await.map_err(refused)?),
                    Some(redirect) => Listener::bind_to(redirect).await.map_err(refused)?,
                };
                match listener {
                    Some(listener) => self.browser(&issuer, &listener).await,
                    None => self.typed(&issuer, redirect.unwrap_or(OUT_OF_BAND)).await,
                }
            }
        }
    }

    async fn browser(&self, issuer: &Issuer, listener: &Listener) -> Result<IdentityToken, Error> {
        let login = issuer.begin(listener.redirect())?;
        self.process.err(format_args!(
            "Open this address in a browser of this machine to log in:\n    {}\n",
            login.address()
        ));
        let code = listener.code(&login, BROWSER).await?;
        Ok(login.finish(&code, self.process.now()).await?)
    }

    /// The issuer shows the code at an address of the user's, and the person types it in.
    async fn typed(&self, issuer: &Issuer, redirect: &str) -> Result<IdentityToken, Error> {
        let login = issuer.begin(redirect)?;
        self.process.err(format_args!(
            "Open this address in a browser to log in:\n    {}\n",
            login.address()
        ));
        let code = prompt::secret_on_stderr(self.process, "Enter verification code: ")?;
        Ok(login.finish(&code, self.process.now()).await?)
    }

    async fn device(&self, issuer: &Issuer) -> Result<IdentityToken, Error> {
        let login = issuer.begin_device().await?;
        let address = login.complete_address.as_ref().unwrap_or(&login.address);
        self.process.err(format_args!(
            "Enter the verification code {} in your browser at: {address}\nCode will be valid for {} seconds\n",
            login.user_code,
            login.life.as_secs()
        ));
        Ok(login.finish(|| self.process.now()).await?)
    }
}

fn ambient(options: &IdentityOptions) -> Result<Ambient, Error> {
    match &options.provider {
        Some(name) => Provider::from_name(name)
            .map(Ambient::Only)
            .ok_or_else(|| Error::Usage {
                problem: format!(
                    "unknown provider {name:?} for \"--oidc-provider\": must be one of {}",
                    Provider::ALL.map(Provider::name).join(", ")
                ),
            }),
        None if options.ambient && matches!(options.flow, None | Some(Flow::Token)) => {
            Ok(Ambient::Any)
        }
        None => Ok(Ambient::None),
    }
}
