#pragma once
// The table: one rule a line. Pure.

#include <cstddef>

namespace vmimage::secrets {

/// A token: a prefix, then so many characters of a set. Whatever stands before and behind it is of no set.
struct TokenRule {
  const char* what;
  const char* prefix;
  const char* extra;  ///< characters of the body besides letters and digits
  std::size_t least;
  std::size_t most;  ///< 0: no bound
};

inline constexpr TokenRule kTokens[] = {{"an age key", "AGE-SECRET-KEY-1", "", 58, 58},
                                        {"an Anthropic key", "sk-ant-", "-_", 80, 0},
                                        {"a DigitalOcean token", "dop_v1_", "", 64, 64},
                                        {"a Docker Hub token", "dckr_pat_", "-_", 27, 0},
                                        {"a GitHub token", "ghp_", "", 36, 36},
                                        {"a GitHub token", "gho_", "", 36, 36},
                                        {"a GitHub token", "ghu_", "", 36, 36},
                                        {"a GitHub token", "ghs_", "", 36, 36},
                                        {"a GitHub token", "ghr_", "", 36, 76},
                                        {"a GitHub token", "github_pat_", "_", 82, 82},
                                        {"a GitLab token", "glpat-", "-_.", 20, 0},
                                        {"a Hugging Face token", "hf_", "", 34, 34},
                                        {"an npm token", "npm_", "", 36, 36},
                                        {"an OpenAI key", "sk-proj-", "-_", 48, 0},
                                        {"a PyPI token", "pypi-AgEIcHlwaS5vcmc", "-_", 50, 0},
                                        {"a SendGrid key", "SG.", "-_.", 66, 66},
                                        {"a Shopify token", "shpat_", "", 32, 32},
                                        {"a Slack token", "xoxb-", "-", 40, 0},
                                        {"a Slack token", "xoxp-", "-", 40, 0},
                                        {"a Slack token", "xoxa-", "-", 40, 0},
                                        {"a Slack token", "xapp-", "-", 40, 0},
                                        {"a Stripe key", "sk_live_", "", 24, 0},
                                        {"a Stripe key", "rk_live_", "", 24, 0},
                                        {"a Stripe webhook's secret", "whsec_", "+/=", 32, 0},
                                        {"a Vault token", "hvs.", "-_", 90, 0}};

/// A word, and what has to follow it on the same line: so many characters (letters, digits, "+/=_-.").
struct AssignmentRule {
  const char* what;
  const char* file;  ///< the file's name, or the end of its path; empty: any
  const char* word;
  std::size_t least;
};

inline constexpr AssignmentRule kAssignments[] = {
    {"a client's key of a kubeconfig", "", "client-key-data:", 64},
    {"a token of a kubeconfig", ".kube/config", "token:", 16},
    {"a token of a kubeconfig", "kubeconfig", "token:", 16},
    {"an AWS secret key", "", "aws_secret_access_key", 40},
    {"an npm registry's token", ".npmrc", "_authToken=", 8},
    {"an npm registry's password", ".npmrc", "_password=", 4},
    {"a Docker registry's password", ".docker/config.json", "\"auth\":", 8},
    {"a Docker registry's password", ".dockercfg", "\"auth\":", 8},
    {"a PyPI password", ".pypirc", "password", 4},
    {"a password for a host", ".netrc", "password", 1},
    {"a password for a host", "_netrc", "password", 1},
    {"a password for MySQL", ".my.cnf", "password", 1}};

/// What the names of variables whose value is a secret end with.
inline constexpr const char* kSecretNames[] = {"PASSWORD",   "PASSWD",     "PASSPHRASE",  "SECRET",
                                               "SECRET_KEY", "ACCESS_KEY", "PRIVATE_KEY", "API_KEY",
                                               "APIKEY",     "AUTH_TOKEN", "API_TOKEN",   "ACCESS_TOKEN"};

}  // namespace vmimage::secrets
