#include "bundle/planted_for_tests.h"

namespace gpuward::bundle {

// Made up, all of them.
std::vector<Planted> planted_secrets() {
  return {
      {"password: hunter2-1", "hunter2-1"},
      {"  \"password\": \"hunter2-2\",", "hunter2-2"},
      {"db_password = 'hunter2-3'", "hunter2-3"},
      {"password=hunter2-4", "hunter2-4"},
      {"identitytoken = \"hunter2-5\"", "hunter2-5"},
      {"    auth = \"dXNlcjpodW50ZXIy\"", "dXNlcjpodW50ZXIy"},
      {"\"auth\": \"dXNlcjpodW50ZXIz\"", "dXNlcjpodW50ZXIz"},
      {"Environment=\"NGC_API_KEY=hunter2 6 words\" \"PATH=/bin\"",
       "hunter2 6 words"},
      {"Environment=HTTPS_PROXY=http://joe:hunter2-7@proxy.corp:3128",
       "hunter2-7"},
      {"Environment=VAULT_TOKEN=hunter2-8", "hunter2-8"},
      {"export AWS_SECRET_ACCESS_KEY=6bUddGMJpKEX3Y34eJjQHR0KwSrPCe5CW7wXU8Ds",
       "6bUddGMJpKEX3Y34eJjQHR0KwSrPCe5CW7wXU8Ds"},
      {"aws_access_key_id = AKIAB56JHUS5PKCMBOFZ", "AKIAB56JHUS5PKCMBOFZ"},
      {"seen key ASIAXTL5XSE5KPLNC3RA in use", "ASIAXTL5XSE5KPLNC3RA"},
      {"Authorization: Bearer hunter2-9-abcdef", "hunter2-9-abcdef"},
      {"curl -H \"Authorization: Basic am9lOmh1bnRlcjI=\" http://x",
       "am9lOmh1bnRlcjI="},
      {"proxy-authorization: Digest username=\"x\", response=\"hunter2-10\"",
       "hunter2-10"},
      {"sent bearer abcdef0123456789 to the server", "abcdef0123456789"},
      {"X-Auth-Token: hunter2-11", "hunter2-11"},
      {"set-cookie: session=hunter2-12; path=/", "hunter2-12"},
      {"token is "
       "eyJsSJkorgS68jjnOQEjPQ1wShIzP3XdvYLI."
       "eyJtBpVFkqCF3HgmdPY4de9UGyhBiuYD2J88bryOvHF6qf0NIsnYW1PSV7ntWyY."
       "YIu1WpSzob92XhClkNvLZEGCCLMMCf47eqwWAbeT47n now",
       "tBpVFkqCF3HgmdPY4de9UGyhBiuYD2J88bryOvHF"},
      {"-----BEGIN RSA PRIVATE "
       "KEY-----"
       "\ngtD7fGUOv8fwNfBb0jXxUJR4QQAAabVVloZaXZxmCu1VShIqmArIntn9oX98WHgC\ntzC"
       "1uwB5FXZPf7stg7NvlE3LaruSrjLnonWKTn9UGKzEesg61SHE/"
       "qaQQ0NV3vTH\n1lS6V6+o9jl8zSOwW/"
       "rXL+iuItEnuj+"
       "hlrWB8gpj7ktsjs0sW5uqSVZu9kK1V1mi\nDZU4XcXF8cVGROoX9YE17swJaevAszj0OvEm"
       "MlrltQ10v7SUw9ZRLsAwNpSpw23c\n/l9wxUhm/g1Con+kS9DP4flFRyB9jf8Ef+iTkl/"
       "8PCQmkrlD7suQEAg6NYB229x8\nyZl7ImA3k8nSV9/"
       "qT2GIdiKIDq2Iz+GPPcORl4TXX0UIbFNwJjHPzRB3Lo++tvHR\n-----END RSA "
       "PRIVATE KEY-----",
       "6V6+o9jl8zSOwW/rXL+iuItEnuj+hlrWB8gpj"},
      {"key: |\n  -----BEGIN PRIVATE KEY-----\n  "
       "gtD7fGUOv8fwNfBb0jXxUJR4QQAAabVVloZaXZxmCu1VShIqmArIntn9oX98WHgC\n  "
       "-----END PRIVATE KEY-----",
       "7fGUOv8fwNfBb0jXxUJR4QQAAabVVloZaXZxmCu1VShIqmA"},
      {"\"private_key\": \"-----BEGIN PRIVATE "
       "KEY-----\\ntzC1uwB5FXZPf7stg7NvlE3LaruSrjLnonWKTn9UGKzEesg61SHE/"
       "qaQQ0NV3vTH\\n-----END PRIVATE KEY-----\\n\"",
       "wB5FXZPf7stg7NvlE3LaruSrjLnonWKTn9UGKzEesg61S"},
      {"-----BEGIN OPENSSH PRIVATE "
       "KEY-----"
       "\nDZU4XcXF8cVGROoX9YE17swJaevAszj0OvEmMlrltQ10v7SUw9ZRLsAwNpSpw23c\n/"
       "l9wxUhm/g1Con+kS9DP4flFRyB9jf8Ef+iTkl/"
       "8PCQmkrlD7suQEAg6NYB229x8\n-----END OPENSSH PRIVATE KEY-----",
       "/l9wxUhm/g1Con+kS9DP4flFRyB9jf8Ef+iTkl/8"},
      {"/l9wxUhm/g1Con+kS9DP4flFRyB9jf8Ef+iTkl/"
       "8PCQmkrlD7suQEAg6NYB229x8\nyZl7ImA3k8nSV9/"
       "qT2GIdiKIDq2Iz+GPPcORl4TXX0UIbFNwJjHPzRB3Lo++tvHR\n-----END EC PRIVATE "
       "KEY-----",
       "Zl7ImA3k8nSV9/qT2GIdiKIDq2Iz+GPPcORl4TXX0UIbFNwJj"},
      {"client-key-data: "
       "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLWd0RDdmR1VPdjhmd05mQmIwalh4VUp"
       "SNFFRQUFhYlZWbG9aYVhaeG1DdTFWU2hJcW1BckludG45b1g5OFdIZ0M=",
       "LWd0RDdmR1VPdjhmd05mQmIwalh4VUpSNFFRQUFh"},
      {"it read "
       "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLXR6QzF1d0I1RlhaUGY3c3RnN052bEU"
       "zTGFydVNyakxub25XS1RuOVVHS3pFZXNnNjFTSEUvcWFRUTBOVjN2VEg=",
       "LXR6QzF1d0I1RlhaUGY3c3RnN052bEUzTGFydVNy"},
      {"kubeadm join 10.0.0.1:6443 --token abcd12.0123456789abcdez",
       "0123456789abcdez"},
      {"found bootstrap token 07401b.f395accd246ae52d in use",
       "f395accd246ae52d"},
      {"ExecStart=/usr/bin/x --token=hunter2-13 --v=2", "hunter2-13"},
      {"/usr/bin/x --password hunter2-14 --v=2", "hunter2-14"},
      {"\"args\": [\"--token\", \"hunter2-15\", \"--v=2\"]", "hunter2-15"},
      {"docker login -u joe -p hunter2-16 registry.corp", "hunter2-16"},
      {"sshpass -p hunter2-17 ssh root@host", "hunter2-17"},
      {"curl -u joe:hunter2-18 https://host/", "hunter2-18"},
      {"https://oauth2:hunter2-19@git.corp/x.git", "hunter2-19"},
      {"https://x0x0x0x0x0x0x0x0x0x0x0x0@git.corp/x.git",
       "x0x0x0x0x0x0x0x0x0x0x0x0"},
      {"http_proxy=joe:hunter2-20@proxy:3128", "hunter2-20"},
      {"\"httpsProxy\": \"joe:hunter2-21@proxy:3128\"", "hunter2-21"},
      {"\"https-proxy\": \"http://joe:hunter2-22@proxy:3128\"", "hunter2-22"},
      {"GET /v1/x?access_token=hunter2-23&x=1", "hunter2-23"},
      {"AccountKey=hunter2-24==;EndpointSuffix=core", "hunter2-24"},
      {"the key is ghp_dDcxraKCCj11hkW8GtEP5zfF7eDrPpDfZy7a here",
       "dDcxraKCCj11hkW8GtEP5zfF7eDrPpDfZy7a"},
      {"the key is "
       "github_pat_"
       "DDQ1acToD4C8MLsgoZMiOF7UyGFi6KmE2uNnBciWfbkxYhoIuA6wTsc50O7a here",
       "DDQ1acToD4C8MLsgoZMiOF7UyGFi6KmE2uNnBciWfbkxYhoIuA6wTsc50O7a"},
      {"the key is glpat-jHITeFxxQ0ZUIIiFeP7a here", "jHITeFxxQ0ZUIIiFeP7a"},
      {"the key is xoxb-sFzb9kqPRDfsPDtMyS4X4GEaxUYwxjA5Sp8wIk7a here",
       "sFzb9kqPRDfsPDtMyS4X4GEaxUYwxjA5Sp8wIk7a"},
      {"the key is "
       "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 "
       "here",
       "BcJ0spy9BuDsbRGzzYjIUETKIQfrUSCEiwvjBBHDI0Wb3Q88nBOhbIXMVWAKln7a"},
      {"the key is dckr_pat_0KuGRhmKotJcw8bybHVUc6Odm7a here",
       "0KuGRhmKotJcw8bybHVUc6Odm7a"},
      {"the key is hf_bKcDxq7KiefmAGI02arDNAC6kPet4WZd7a here",
       "bKcDxq7KiefmAGI02arDNAC6kPet4WZd7a"},
      {"the key is sk-NMR0MTjhWwwyPXWzP0q162DnfZWJJ1PfYCGKZGwtS56Myz7a here",
       "NMR0MTjhWwwyPXWzP0q162DnfZWJJ1PfYCGKZGwtS56Myz7a"},
      {"the key is npm_wUere3inFzMYsAGgmlnL0YBUrBnTgYgeit7a here",
       "wUere3inFzMYsAGgmlnL0YBUrBnTgYgeit7a"},
      {"the key is hvs.sZcy0l77sjqDiJzaX9lBrxhNSSEB7a here",
       "sZcy0l77sjqDiJzaX9lBrxhNSSEB7a"},
      {"the key is AIzaFxWnl3w8taT97AR7tPECwFq99T5Wsz17v7a here",
       "FxWnl3w8taT97AR7tPECwFq99T5Wsz17v7a"},
      {"the key is "
       "ya29.mnjNehF5HPVyibZAqYYLwph5N6rnUYUG1s4jstXP4GNSTzRznE58KEoaxL7a here",
       "mnjNehF5HPVyibZAqYYLwph5N6rnUYUG1s4jstXP4GNSTzRznE58KEoaxL7a"},
      {"the key is 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 here",
       "OpEkko1o4iuaaObehm5PTaRFm47a"},
      {"NGC_CLI_API_KEY: "
       "9VLaBJHSkjmkLbMUmGpysVuED8fI1h9EUM2dpY75O5sn1ze1GAMrKHFVJXnwGkwcvU0xzLt"
       "57j9lo393GXG0",
       "9VLaBJHSkjmkLbMUmGpysVuED8fI1h9EUM2dpY75O5sn1ze1GAMrKHFVJXnwGkwcvU0xzLt"
       "57j9lo393GXG0"},
      {"license_key=hunter2-25", "hunter2-25"},
      {"- name: DB_PASSWORD\n  value: hunter2-26", "hunter2-26"},
      {"{\"name\":\"WANDB_API_KEY\",\"value\":\"hunter2-27\"}", "hunter2-27"},
      {"\"Env\":[\"PATH=/bin\",\"MYSQL_ROOT_PASSWORD=hunter2-28\"]",
       "hunter2-28"},
      {"{\"msg\":\"{\\\"secret\\\":\\\"hunter2-29\\\"}\"}", "hunter2-29"},
      {"root:$6$saltsalt$"
       "EMNUXLd5rvwFPZ8idYAHm9XIrAfY9V8vEfw8utSBHzeWwvM6VYJS5fpsxyFkHSaV82EhbDO"
       "aPRquEJR9:19000:0:",
       "EMNUXLd5rvwFPZ8idYAHm9XIrAfY9V8vEfw8utSBHzeWwvM6VYJS5fpsxyFk"},
      {"admin:$2y$10$GjebLi2Y27PFcWIzFA0xJXzBBQjd9Y3hFDNMzcAehF9Rm91regBDK",
       "GjebLi2Y27PFcWIzFA0xJXzBBQjd9Y3hFDNMzcAehF9Rm91regBDK"},
      {"registry_password:   hunter2-30 more words", "more words"},
      {"secret: >-\n    hunter2-31\n    hunter2-32", "hunter2-32"},
      {"SMTP_PASS=hunter2-33", "hunter2-33"},
      {"db.passwd=hunter2-34", "hunter2-34"},
      {"clientSecret: \"hunter2-35\"", "hunter2-35"},
      {"refresh_token: hunter2-36", "hunter2-36"},
      {"\"registrytoken\" : \"hunter2-37\"", "hunter2-37"},
      {"passwords = [\"hunter2-38\", \"hunter2-39\"]", "hunter2-39"},
      {"password = \"\"\"\nhunter2-40\n\"\"\"", "hunter2-40"},
      {"time=x level=info msg=\"login\" password=hunter2-41 user=joe",
       "hunter2-41"},
      {"blob "
       "y3EbD103wBVrSmY2Jvby1YiR8ukAPV6JJwE0TZC/"
       "o6R7eJuDBX2KiQvqbTlLkONzvmv94eRhCBxRe9HBBb1denHe==",
       "D103wBVrSmY2Jvby1YiR8ukAPV6JJwE0TZC/o6R7eJuDBX2KiQvqbTlL"},
      {"DOCKER_AUTH_CONFIG={\"auths\":{\"r\":{\"auth\":\"dXNlcjpodW50ZXI0\"}}}",
       "dXNlcjpodW50ZXI0"},
      {".dockerconfigjson: "
       "eyJhdXRocyI6eyJyLmlvIjp7ImF1dGgiOiJkWE5sY2pwCsY4WxBjTccGpH75XkhR",
       "eyJhdXRocyI6eyJyLmlv"},
      {"https://x.blob.core.windows.net/c?sv=2020&sig=hunter2-42abc%3D&se=1",
       "hunter2-42abc"},
      {"{\"url\":\"https://h/p?se=1\\u0026sig=hunter2-43\"}", "hunter2-43"},
      {"SharedAccessSignature sr=x&sig=hunter2-44&se=1", "hunter2-44"},
      {"GET https://s3.amazonaws.com/b?X-Amz-Signature=hunter2-45&x=1",
       "hunter2-45"},
      {"AWS4-HMAC-SHA256 SignedHeaders=host, Signature=hunter2-46",
       "hunter2-46"},
      {"GET /login?user=x&pass=hunter2-47 HTTP/1.1", "hunter2-47"},
      {"connect to Server=x;User Id=sa;Pwd=hunter2-48;", "hunter2-48"},
      {"pass: hunter2-49", "hunter2-49"},
      {"docker login -u joe -phunter2-50 nvcr.io", "hunter2-50"},
      {"sshpass -phunter2-51 ssh root@host", "hunter2-51"},
      {"mysql -u root -phunter2-52 db", "hunter2-52"},
      {"proxy = joe:hunter2-53@proxy.corp:3128", "hunter2-53"},
      {"curl --user=joe:hunter2-54 https://host/", "hunter2-54"},
      {"DB_DSN=joe:hunter2-55@tcp(db:3306)/x", "hunter2-55"},
      {"dialing joe:hunter2-56@proxy.corp:3128 failed", "hunter2-56"},
      {"post https://hooks.slack.com/services/T00/B00/hunter2-57",
       "hunter2-57"},
      {"https://x.webhook.office.com/webhookb2/hunter2-58/IncomingWebhook",
       "hunter2-58"},
      {"server K10ab95accd246ae5ff::server:hunter2-59 said no", "hunter2-59"},
      {"kubectl create secret generic x --from-literal=foo=hunter2-60",
       "hunter2-60"},
      {"machine nvcr.io login $oauthtoken password hunter2-61", "hunter2-61"},
      {"machine nvcr.io\nlogin joe\npassword hunter2-62\n", "hunter2-62"},
      {"kubeadm join 10.0.0.1:6443 --certificate-key hunter2-63", "hunter2-63"},
      {"X-Registry-Auth: hunter2-64", "hunter2-64"},
      {"the key is glsa_Zcy0l77sjqDiJzaX9lBrxhNSSEB7a here",
       "Zcy0l77sjqDiJzaX9lBrxhNSSEB7a"},
      {"apiVersion: v1\nkind: Secret\ndata:\n  foo: hunter2-65\nmetadata:\n"
       "  name: x",
       "hunter2-65"},
      {"{\"apiVersion\":\"v1\",\"data\":{\"foo\":\"hunter2-66\"},\"kind\":"
       "\"Secret\"}",
       "hunter2-66"},
      {"{\\\"kind\\\":\\\"Secret\\\",\\\"stringData\\\":{\\\"a\\\":"
       "\\\"hunter2-67\\\"}}",
       "hunter2-67"},
  };
}

std::vector<std::string> harmless_texts() {
  return {
      "NVRM: Xid (PCI:0000:3b:00): 79, pid=1234, name=python, GPU has fallen "
      "off the bus.",
      "GPU 0: NVIDIA H100 80GB HBM3 (UUID: "
      "GPU-4c3a8a52-7f5b-9c3e-1d2a-0b1c2d3e4f50)",
      "MIG 3g.40gb Device 0: (UUID: MIG-5f3a7a52-1f5b-5c3e-9d2a-0b1c2d3e4f51)",
      "net_ratelimit: token bucket filter, 5 callbacks suppressed",
      "commit 9f3c1a7b2d4e5f60718293a4b5c6d7e8f9012345",
      "image "
      "nvcr.io/nvidia/"
      "cuda@sha256:"
      "9f3c1a7b2d4e5f60718293a4b5c6d7e8f90123459f3c1a7b2d4e5f60718293a4",
      "/var/lib/docker/containers/"
      "9f3c1a7b2d4e5f60718293a4b5c6d7e8f90123459f3c1a7b2d4e5f60718293a4/"
      "hostconfig.json",
      "--authentication-token-webhook=true --authorization-mode=Webhook",
      "authentication-token-webhook-cache-ttl=2m0s",
      "--tls-private-key-file=/var/lib/kubelet/pki/kubelet.key",
      "authorization:\n  mode: Webhook\n  webhook:\n    cacheTTL: 0s",
      "automountServiceAccountToken: true",
      "token: null\npassword: \"\"\nsecret: ${SECRET}\nauth: none",
      "PWD=/root/work OLDPWD=/tmp",
      "Failed password for root from 10.0.0.1 port 22",
      "bearer authentication failed, basic authentication is off",
      "Basic Input/Output System, basic support for PCIe",
      "max_tokens=4096 tokens_per_second: 12 token_count=7",
      "secretName: regcred\nimagePullSecrets:\n- name: regcred",
      "no_proxy=localhost,10.0.0.0/8\nHTTP_PROXY=http://proxy.corp:3128",
      "git clone ssh://git@github.com/NVIDIA/open-gpu-kernel-modules.git",
      "keyctl: key type asymmetric registered; Key type .fscrypt registered",
      "ExecStart=/usr/bin/dockerd -H fd:// "
      "--containerd=/run/containerd/containerd.sock -p /run/docker.pid",
      "docker run -p 8080:80 -u 1000:1000 image",
      "system.slice/"
      "docker-9f3c1a7b2d4e5f60718293a4b5c6d7e8f90123459f3c1a7b2d4e5f60718293a4."
      "scope",
      "[434189.944726] nvidia-nvlink: Nvlink Core is being initialized, major "
      "device number 239",
      "  rpc_history: 0x00007ffe12345678 GspRmControl 0x20800a98",
      "getty@tty1.service: Deactivated; user@1000.service",
      "sort_key = \"name\"\nhost_key: rsa\nforeign_key=id",
      "-----BEGIN CERTIFICATE REQUEST-----",
      "nvcr.io/nvidia/cuda:12.2@sha256:9f3c1a7b2d4e5f60718293a4b5c6d7e8",
      "systemd[1]: Started user@1000.service; 10.0.0.1@o2ib is up",
      "PASS: 3 of 4 tests; pass: 3, pwd: /root",
      "signature:      5A:3B:2C\nsig_hashalgo:   sha512\nmode=key code=5",
      "kmod: nvidia.ko srcversion 5A3B2C1D0E9F8A7B6C5D4E3",
      "NVreg_EnableGpuFirmware=18 "
      "NVreg_RegistryDwords=\"RMForcePcieConfigSave=0x1\"",
  };
}

}  // namespace gpuward::bundle
