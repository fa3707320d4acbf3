"""AWS's protocols by botocore's published models of its services: requests into checked parameters, results into answers.

A service is its model and nothing else here, so that one more needs no more than its operations (see double.py)."""
import copy
import json
import re
import urllib.parse
from xml.sax.saxutils import escape

import botocore.loaders
import botocore.model
import botocore.validate

# Members that are newer than the models of Debian 12 (botocore 1.29); their shapes are in there already.
NEWER = {"ec2": {
    "RegisterImageRequest": {"TagSpecifications": {"shape": "TagSpecificationList", "locationName": "TagSpecification"}},
    "CopyImageRequest": {"TagSpecifications": {"shape": "TagSpecificationList", "locationName": "TagSpecification"}},
    "DescribeImagesRequest": {"MaxResults": {"shape": "Integer"}, "NextToken": {"shape": "String"}},
    "DescribeImagesResult": {"NextToken": {"shape": "String", "locationName": "nextToken"}},
}, "autoscaling": {
    "RefreshPreferences": {"MaxHealthyPercentage": {"shape": "IntPercent"}},
}}
NEWER_VALUES = {"ec2": {"BootModeValues": ["uefi-preferred"]}}


class Fault(Exception):
    """What a service says instead of doing it."""

    def __init__(self, code, message, status=400, **more):
        super().__init__(message)
        self.code, self.message, self.status, self.more = code, message, status, more


def model_of(service):
    raw = copy.deepcopy(botocore.loaders.Loader().load_service_model(service, "service-2"))
    for shape, members in NEWER.get(service, {}).items():
        for name, member in members.items():
            raw["shapes"][shape]["members"].setdefault(name, member)
    for shape, values in NEWER_VALUES.get(service, {}).items():
        raw["shapes"][shape]["enum"] += [value for value in values if value not in raw["shapes"][shape]["enum"]]
    return botocore.model.ServiceModel(raw, service)


def check(parameters, shape, where=""):
    """Beyond what botocore checks of its own requests: enumerations, patterns."""
    if shape.type_name == "structure":
        for name, value in parameters.items():
            check(value, shape.members[name], f"{where}.{name}")
    elif shape.type_name == "list":
        for value in parameters:
            check(value, shape.member, where + "[]")
    elif shape.type_name == "string":
        # There are more instance types with each month; EC2 itself says which it does not know.
        if getattr(shape, "enum", None) and parameters not in shape.enum and shape.name != "InstanceType":
            raise Fault("ValidationException", f"{where}: '{parameters}' is none of {shape.enum}")
        # As Java has it: what is beyond 16 bits is written as two.
        pattern = shape.metadata.get("pattern", "").replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
        if pattern and not re.search(pattern, parameters):
            raise Fault("ValidationException", f"{where}: '{parameters}' does not match {pattern}")


def validate(parameters, shape):
    report = botocore.validate.ParamValidator().validate(parameters, shape)
    if report.has_errors():
        raise Fault("ValidationException", report.generate_report())
    check(parameters, shape)


def convert(text, shape):
    try:
        if shape.type_name in ("integer", "long"):
            return int(text)
        if shape.type_name == "boolean":
            return {"true": True, "false": False}[text]
    except (ValueError, KeyError):
        raise Fault("ValidationException", f"'{text}' is no {shape.type_name}") from None
    return text


class Query:
    """The protocol "ec2": parameters as a form, answers as XML."""

    def __init__(self, model):
        self.model = model

    def read(self, method, url, headers, body):
        path = url.path
        form = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
        name, version = form.pop("Action", ""), form.pop("Version", "")
        if method != "POST" or path != "/" or name not in self.model.operation_names:
            raise Fault("InvalidAction", f"{method} {path}: {name}")
        if version != self.model.api_version:
            raise Fault("InvalidParameterValue", f"the version '{version}' is not {self.model.api_version}")
        operation = self.model.operation_model(name)
        parameters = self.structure(form, operation.input_shape, "")
        if form:
            raise Fault("UnknownParameter", f"{name} has no {sorted(form)}")
        validate(parameters, operation.input_shape)
        return operation, parameters

    @staticmethod
    def name_of(name, shape):
        name = shape.serialization.get("queryName") or shape.serialization.get("name", name)
        return name[0].upper() + name[1:]

    def structure(self, form, shape, prefix):
        found = {}
        for name, member in shape.members.items():
            value = self.value(form, member, prefix + self.name_of(name, member))
            if value is not None:
                found[name] = value
        return found

    def value(self, form, shape, name):
        if shape.type_name == "structure":
            return self.structure(form, shape, name + ".") if any(key.startswith(name + ".") for key in form) else None
        if shape.type_name == "list":
            values = []
            while (value := self.value(form, shape.member, f"{name}.{len(values) + 1}")) is not None:
                values.append(value)
            return values or None
        return convert(form.pop(name), shape) if name in form else None

    def write(self, operation, result):
        shape = operation.output_shape
        inner = "".join(self.xml(shape.members[name], value, shape.members[name].serialization.get("name", name))
                        for name, value in result.items()) if shape else ""
        text = f'<{operation.name}Response xmlns="x"><requestId>r</requestId>{inner}</{operation.name}Response>'
        return 200, {"content-type": "text/xml"}, text.encode()

    def xml(self, shape, value, tag):
        if shape.type_name == "structure":
            inner = "".join(self.xml(shape.members[name], item, shape.members[name].serialization.get("name", name))
                            for name, item in value.items())
        elif shape.type_name == "list":
            inner = "".join(self.xml(shape.member, item, "item") for item in value)
        else:
            inner = str(value).lower() if isinstance(value, bool) else escape(str(value))
        return f"<{tag}>{inner}</{tag}>"

    def fault(self, fault):
        text = (f"<Response><Errors><Error><Code>{escape(fault.code)}</Code><Message>{escape(fault.message)}</Message>"
                "</Error></Errors><RequestID>r</RequestID></Response>")
        return fault.status, {"content-type": "text/xml"}, text.encode()


class Form(Query):
    """The protocol "query", which CloudFormation, Auto Scaling and Elastic Load Balancing have."""

    @staticmethod
    def name_of(name, shape):
        return shape.serialization.get("name", name)

    def value(self, form, shape, name):
        if shape.type_name != "list" or shape.serialization.get("flattened"):
            return super().value(form, shape, name)
        return super().value(form, shape, f"{name}.{shape.member.serialization.get('name', 'member')}")

    def write(self, operation, result):
        shape = operation.output_shape
        inner = "".join(self.xml(shape.members[name], value, name) for name, value in result.items()) if shape else ""
        text = (f'<{operation.name}Response xmlns="x"><{operation.name}Result>{inner}</{operation.name}Result>'
                f"<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{operation.name}Response>")
        return 200, {"content-type": "text/xml"}, text.encode()

    def xml(self, shape, value, tag):
        if shape.type_name == "list":
            name = shape.member.serialization.get("name", "member")
            return f"<{tag}>{''.join(self.xml(shape.member, item, name) for item in value)}</{tag}>"
        return super().xml(shape, value, tag)

    def fault(self, fault):
        text = (f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(fault.code)}</Code>"
                f"<Message>{escape(fault.message)}</Message></Error><RequestId>r</RequestId></ErrorResponse>")
        return fault.status, {"content-type": "text/xml"}, text.encode()


class Rest:
    """The protocol "rest-json"."""

    def __init__(self, model):
        self.model = model
        self.routes = []
        for name in model.operation_names:
            operation = model.operation_model(name)
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", operation.http["requestUri"])
            self.routes.append((operation.http["method"], re.compile(pattern + "$"), operation))

    def read(self, method, url, headers, body):
        for verb, pattern, operation in self.routes:
            found = pattern.match(url.path)
            if verb == method and found:
                query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query)))
                known = {member.serialization.get("name") for member in operation.input_shape.members.values()
                         if member.serialization.get("location") == "querystring"}
                if set(query) - known:
                    raise Fault("ValidationException", f"there is no {sorted(set(query) - known)}")
                parameters = self.parameters(operation.input_shape, {**found.groupdict(), **query}, headers, body)
                validate(parameters, operation.input_shape)
                return operation, parameters
        raise Fault("UnknownOperationException", f"{method} {path}", 404)

    @staticmethod
    def parameters(shape, uri, headers, body):
        payload = shape.serialization.get("payload")
        found = {payload: body} if payload else {}
        document = {} if payload or not body else json.loads(body)
        for name, member in shape.members.items():
            place, wire = member.serialization.get("location"), member.serialization.get("name", name)
            if place == "uri":
                found[name] = convert(urllib.parse.unquote(uri[wire]), member)
            elif place == "querystring" and wire in uri:
                found[name] = convert(uri[wire], member)
            elif place == "header" and wire.lower() in headers:
                found[name] = convert(headers[wire.lower()], member)
            elif not place and wire in document:
                found[name] = document.pop(wire)
        if document:
            raise Fault("ValidationException", f"there is no {sorted(document)}")
        return found

    @staticmethod
    def write(operation, result):
        headers, document = {"content-type": "application/json"}, {}
        payload = operation.output_shape.serialization.get("payload")
        for name, value in result.items():
            member = operation.output_shape.members[name]
            wire = member.serialization.get("name", name)
            if name == payload:
                continue
            if member.serialization.get("location") == "header":
                headers[wire] = str(value)
            else:
                document[wire] = value
        return operation.http.get("responseCode", 200), headers, result[payload] if payload else json.dumps(document).encode()

    @staticmethod
    def fault(fault):
        return (fault.status, {"content-type": "application/json", "x-amzn-ErrorType": fault.code},
                json.dumps({"Message": fault.message, **fault.more}).encode())
