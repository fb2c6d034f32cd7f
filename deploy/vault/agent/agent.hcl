# A Vault or OpenBao agent that tells reset-receiver when a secret has a new version. It reads the
# metadata alone: neither the agent nor its command ever sees the secret. One template for each
# secret; put your own addresses, paths and files in place of these.

vault {
  address = "https://vault.vault.svc:8200"
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "/etc/notify/role_id"
      secret_id_file_path                 = "/etc/notify/secret_id"
      remove_secret_id_file_after_reading = false
    }
  }
}

template_config {
  # How often the version is looked at; the agent's own default is five minutes.
  static_secret_render_interval = "10s"
  exit_on_retry_failure         = false
}

template {
  contents             = "{{ with secret \"secret/metadata/salesforce/acme-sync\" }}{\"path\":\"secret/data/salesforce/acme-sync\",\"version\":{{ .Data.current_version }}}{{ end }}"
  destination          = "/run/notify/acme-sync.json"
  error_on_missing_key = true
  perms                = "0600"
  exec {
    command = ["/usr/local/bin/notify-reset-receiver", "/run/notify/acme-sync.json"]
    timeout = "60s"
  }
}
