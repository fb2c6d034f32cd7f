# What the agent may do that tells reset-receiver of new versions: see which version there is, and
# live on. It never sees a secret. One block for each secret, with your own path.
path "secret/metadata/salesforce/acme-sync" {
  capabilities = ["read"]
}

# Its own token.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
