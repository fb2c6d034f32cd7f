# What reset-receiver may do in Vault or OpenBao, and nothing else. Put your own paths in place
# of the two examples; `data/` and `metadata/` stand between mount and path. One pair of lines
# for each Salesforce login and for each console login; `+` stands for any one part of a path.

# A Salesforce login: its password and security token, and the number of their version.
path "secret/data/salesforce/acme-sync" {
  capabilities = ["read"]
}
path "secret/metadata/salesforce/acme-sync" {
  capabilities = ["read"]
}

# A CommuniGator console login.
path "secret/data/communigator/acme" {
  capabilities = ["read"]
}
path "secret/metadata/communigator/acme" {
  capabilities = ["read"]
}

# Where a target proves its secrets by `oauth-password`: the connected app's key and secret.
#path "secret/data/salesforce/connected-app" {
#  capabilities = ["read"]
#}

# Its own token: how long it lives (asked for a token from a file), and to live longer.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
