/** `/docs`: the description of the API, with a form for each call that asks this server. */

import SwaggerUI from 'swagger-ui-dist/swagger-ui-es-bundle.js';
import 'swagger-ui-dist/swagger-ui.css';
import './styles/docs.css';

const prefersDark = matchMedia('(prefers-color-scheme: dark)');

function followTheSystem(): void {
  document.documentElement.classList.toggle('dark-mode', prefersDark.matches);
}

followTheSystem();
prefersDark.addEventListener('change', followTheSystem);

SwaggerUI({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'none',
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  // The viewer would send the description to a service for a badge.
  validatorUrl: null,
});
