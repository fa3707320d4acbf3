#include <gtest/gtest.h>

#include "publish/aws/ami.hpp"
#include "publish/aws/credentials.hpp"
#include "publish/aws/signature.hpp"
#include "publish/aws/upload.hpp"
#include "support/digest.hpp"
#include "support/file.hpp"

namespace vmimage::publish::aws {
namespace {

// Of AWS's own published set of examples (aws-sig-v4-test-suite).
const Key kKey{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};
const Scope kScope{"service", "us-east-1"};
constexpr std::time_t kTime = 1440938160;  // 2015-08-30 12:36:00

std::string signature_of(const std::map<std::string, std::string>& headers) {
  const std::string& text = headers.at("authorization");
  return text.substr(text.find("Signature=") + 10);
}

TEST(AwsSignature, IsThatOfThePublishedExamples) {
  Signable request{"GET", "/", {}, {{"host", "example.amazonaws.com"}}, support::sha256("")};
  auto headers = sign(request, kKey, kScope, kTime);
  EXPECT_EQ(headers.at("x-amz-date"), "20150830T123600Z");
  EXPECT_EQ(headers.at("authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  request.query = {{"Param2", "value2"}, {"Param1", "value1"}};
  EXPECT_EQ(signature_of(sign(request, kKey, kScope, kTime)),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
}

TEST(AwsSignature, SignsTheSessionToken) {
  const Signable request{"POST", "/", {}, {{"host", "example.amazonaws.com"}}, support::sha256("")};
  Key key = kKey;
  key.session_token = "token";
  const auto headers = sign(request, key, kScope, kTime);
  EXPECT_EQ(headers.at("x-amz-security-token"), "token");
  EXPECT_NE(headers.at("authorization").find("host;x-amz-date;x-amz-security-token"), std::string::npos);
}

TEST(AwsSignature, EncodesQueriesAsTheyAreSorted) {
  EXPECT_EQ(encode({{"b", "x y"}, {"a", "ü/~"}, {"a+", ""}}), "a=%C3%BC%2F~&a%2B=&b=x%20y");
  EXPECT_EQ(encode("/a b/", "/"), "/a%20b/");
}

Variables variables(std::map<std::string, std::string> values) {
  return [values](const std::string& name) {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST(AwsCredentials, AreThoseOfTheEnvironmentOrOfTheCli) {
  EXPECT_FALSE(from_variables(variables({{"AWS_ACCESS_KEY_ID", "a"}})));
  const auto ours = from_variables(variables({{"AWS_ACCESS_KEY_ID", "a"}, {"AWS_SECRET_ACCESS_KEY", "b"}}));
  ASSERT_TRUE(ours);
  EXPECT_EQ(ours->key.secret, "b");
  EXPECT_FALSE(ours->ends);
  const std::string said = R"({"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c",
                               "Expiration": ")";
  EXPECT_EQ(from_process(said + "2015-08-30T12:36:00Z\"}").ends, 1440938160);
  EXPECT_EQ(from_process(said + "2015-08-30T14:36:00.123+02:00\"}").ends, 1440938160);
  EXPECT_EQ(from_process(said + "2015-08-30T12:36:00Z\"}").key.session_token, "c");
  EXPECT_THROW(from_process(said + "soon\"}"), support::Error);
  EXPECT_THROW(from_process("{}"), support::Error);
  EXPECT_THROW(from_process("no"), support::Error);
}

TEST(AwsCredentials, EndpointsAreThoseOfTheEnvironment) {
  EXPECT_EQ(endpoint(variables({}), "ebs", "eu-central-1"), "https://ebs.eu-central-1.amazonaws.com");
  EXPECT_EQ(endpoint(variables({}), "ec2", "cn-north-1"), "https://ec2.cn-north-1.amazonaws.com.cn");
  const auto set = variables({{"AWS_ENDPOINT_URL", "http://all"}, {"AWS_ENDPOINT_URL_EBS", "http://ebs"}});
  EXPECT_EQ(endpoint(set, "ebs", "eu-central-1"), "http://ebs");
  EXPECT_EQ(endpoint(set, "ec2", "eu-central-1"), "http://all");
}

TEST(AwsClient, ReadsWhatServicesSay) {
  const Reason json = reason_of({400,
                                 {{"x-amzn-errortype", "ValidationException:http://x"}},
                                 R"({"Message": "no", "Reason": "INVALID_BLOCK"})"});
  EXPECT_EQ(json.code, "ValidationException");
  EXPECT_EQ(json.message, "no");
  EXPECT_EQ(json.detail, "INVALID_BLOCK");
  EXPECT_EQ(reason_of({403, {}, R"({"__type": "com.amazon#AccessDenied", "message": "no"})"}).code,
            "AccessDenied");
  const Reason xml = reason_of({503,
                                {},
                                "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>m</"
                                "Message></Error></Errors></Response>"});
  EXPECT_EQ(xml.code, "RequestLimitExceeded");
  EXPECT_EQ(xml.message, "m");
  EXPECT_EQ(reason_of({502, {}, "Bad Gateway"}).message, "HTTP 502");
}

TEST(AwsUpload, WritesWhatIsDifferent) {
  const std::string a(32, 'a'), b(32, 'b');
  const Blocks changed = changes({{1, a}, {2, a}, {3, a}}, {{1, a}, {2, b}, {4, b}});
  ASSERT_EQ(changed.size(), 3u);
  EXPECT_EQ(changed.at(2), b);
  EXPECT_EQ(changed.at(4), b);
  EXPECT_NE(changed.at(3), a);  // becomes zeroes
  EXPECT_EQ(changes({{1, a}}, {{1, a}}).size(), 0u);
}

TEST(AwsUpload, KnowsWhatHasArrivedAlsoWhenItWasCutOff) {
  const support::TempDir folder;
  const auto file = folder.path() / "aws" / "x.journal";
  const std::string a(32, 'a'), b(32, '\0');
  {
    Journal journal(file);
    EXPECT_EQ(journal.snapshot(), "");
    journal.ask("vmimage-1", "snap-0");
    EXPECT_EQ(Journal(file).token(), "vmimage-1");
    EXPECT_EQ(Journal(file).parent(), "snap-0");
    EXPECT_EQ(Journal(file).snapshot(), "");
    journal.begin("snap-1", "");
    EXPECT_EQ(journal.token(), "");
    journal.add(7, a);
    journal.add(8, b);
  }
  EXPECT_EQ(Journal(file).arrived(), (Blocks{{7, a}, {8, b}}));
  EXPECT_EQ(Journal(file).snapshot(), "snap-1");
  EXPECT_EQ(Journal(file).parent(), "");
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 3);
  EXPECT_EQ(Journal(file).arrived(), (Blocks{{7, a}}));
  Journal(file).remove();
  EXPECT_EQ(Journal(file).snapshot(), "");
}

TEST(Ami, IsCalledAndBootsByWhatTheImageIs) {
  Upload upload;
  upload.name = "or:ders";
  upload.version = "1.4";
  upload.digest = "sha256:0123456789abcdef";
  EXPECT_EQ(ami_name(upload), "or-ders-1.4-0123456789ab");
  upload.name = std::string(200, 'x');
  EXPECT_EQ(ami_name(upload).size(), 128u);
  EXPECT_EQ(boot_mode({"direct", "bios", "uefi"}), "uefi-preferred");
  EXPECT_EQ(boot_mode({"uefi"}), "uefi");
  EXPECT_EQ(boot_mode({"bios"}), "legacy-bios");
}

TEST(Ami, HasTagsThatAwsTakes) {
  Upload upload;
  upload.name = "orders";
  upload.revision = "0123-dirty";
  upload.tags = {{"Name", "mine"}, {"team", "a=b"}};
  const Tags tags = tags_of(upload, "eu-central-1");
  EXPECT_EQ(tags.at("Name"), "mine");
  EXPECT_EQ(tags.at("team"), "a=b");
  EXPECT_EQ(tags.at("vmimage:revision"), "0123-dirty");
  EXPECT_EQ(tags.count("vmimage:lock"), 0u);
  EXPECT_NO_THROW(check_tags(upload.tags));
  EXPECT_THROW(check_tags({{"aws:x", ""}}), support::Error);
  EXPECT_THROW(check_tags({{"vmimage:digest", ""}}), support::Error);
  EXPECT_THROW(check_tags({{std::string(128, 'x'), ""}}), support::Error);
  EXPECT_THROW(check_tags({{"x", std::string(256, 'x')}}), support::Error);
}

TEST(Ami, IsEncryptedWithAKeyOfItsRegion) {
  const std::string one = "arn:aws:kms:eu-central-1:123456789012:key/1";
  const std::string two = "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-2";
  EXPECT_EQ(key_of({one, two}, "us-gov-west-1"), two);
  EXPECT_EQ(key_of({one}, "us-gov-west-1"), "");
  EXPECT_NO_THROW(check_keys({one, two}, {"eu-central-1", "us-gov-west-1"}));
  EXPECT_NO_THROW(check_keys({}, {"eu-central-1"}));
  EXPECT_THROW(check_keys({one}, {"eu-central-1", "us-gov-west-1"}), support::Error);
  EXPECT_THROW(check_keys({one, two}, {"eu-central-1"}), support::Error);
  EXPECT_THROW(check_keys({one, one + "2"}, {"eu-central-1"}), support::Error);
  EXPECT_THROW(check_keys({"alias/aws/ebs"}, {"eu-central-1"}), support::Error);
}

}  // namespace
}  // namespace vmimage::publish::aws
