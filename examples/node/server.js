const express = require('express');

const app = express();
app.get('/health', (request, response) => response.send('OK'));
app.get('/hello/:name', (request, response) => response.json({greeting: `Hello, ${request.params.name}!`}));
app.listen(process.env.PORT || 3000);
