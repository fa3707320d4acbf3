#include <gtest/gtest.h>

#include "publish/aws/signature.hpp"
#include "support/digest.hpp"

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

}  // namespace
}  // namespace vmimage::publish::aws
