/** `/docs`: the API description, with a form that sends each call to this server. */

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
  // Otherwise the viewer would send the description to an outside service to get a badge.
  validatorUrl: null,
});
