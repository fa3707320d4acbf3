exports.text = 1;
