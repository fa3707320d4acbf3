// POST /orders {"dish", "quantity"} asks what the dish costs, and has the order kept; GET /orders/1 shows it.
const http = require('http');

const {ORDERS, RESTAURANTS} = process.env;

async function ask(url, options) {
  const response = await fetch(url, options);
  return {status: response.status, body: await response.json()};
}

async function bodyOf(request) {
  let text = '';
  for await (const part of request) text += part;
  return JSON.parse(text);
}

async function order(request) {
  const {dish, quantity} = await bodyOf(request);
  const found = await ask(`${RESTAURANTS}/dishes/${encodeURIComponent(dish)}`);
  if (found.status !== 200) return found;
  const body = JSON.stringify({dish, quantity, cents: found.body.cents * quantity});
  return ask(`${ORDERS}/orders`, {method: 'POST', body});
}

async function answer(request) {
  if (request.url === '/health') return {status: 200, body: 'OK'};
  if (request.method === 'POST' && request.url === '/orders') return order(request);
  if (request.method === 'GET' && /^\/orders\/\d+$/.test(request.url)) return ask(ORDERS + request.url);
  return {status: 404, body: {error: 'there is nothing here'}};
}

http.createServer(async (request, response) => {
  const {status, body} = await answer(request).catch((problem) => {
    console.error(problem);
    return {status: 502, body: {error: String(problem)}};
  });
  response.writeHead(status, {'Content-Type': 'application/json'}).end(JSON.stringify(body) + '\n');
}).listen(3000);
